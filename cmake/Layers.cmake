# paddler_library(NAME DEPENDS a b LINK x y SOURCES ... TESTS ...)
#
# One folder under src/ is one static library `paddler_NAME` that names the layers it may use.
# Its unit tests stand beside the sources and become one program `paddler_NAME_test`, linked with that
# library and its declared dependencies only: a missing or forbidden dependency fails the link.
function(paddler_library name)
  cmake_parse_arguments(arg "" "" "DEPENDS;LINK;SOURCES;TESTS;TEST_LINK" ${ARGN})
  add_library(paddler_${name} STATIC ${arg_SOURCES})
  target_include_directories(paddler_${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(paddler_${name} PRIVATE paddler_flags)
  foreach(dependency IN LISTS arg_DEPENDS)
    target_link_libraries(paddler_${name} PUBLIC paddler_${dependency})
  endforeach()
  if(arg_LINK)
    target_link_libraries(paddler_${name} PUBLIC ${arg_LINK})
  endif()
  if(arg_TESTS)
    add_executable(paddler_${name}_test ${arg_TESTS})
    target_link_libraries(paddler_${name}_test PRIVATE paddler_flags paddler_${name} ${arg_TEST_LINK} GTest::gmock GTest::gtest_main)
    gtest_discover_tests(paddler_${name}_test PROPERTIES LABELS fast DISCOVERY_TIMEOUT 60)
  endif()
endfunction()
