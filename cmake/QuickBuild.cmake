# Builds that only serve tests (presets asan, tsan, fuzz and coverage) in half the time: the headers of libraries are read
# once for all sources, eight sources of a library are compiled as one, and tests are not optimised. A release build
# compiles each source by itself, and so finds what one uses without naming it.
#
# Where two sources of a library give one name to different things in their unnamed namespaces, this build fails: find a
# better name.
option(PADDLER_QUICK_BUILD "Read headers once and compile several sources as one (clang only)" OFF)
if(PADDLER_QUICK_BUILD)
  # -fPIE: libraries and programs share headers only where they are compiled alike.
  target_compile_options(paddler_flags INTERFACE -fPIE -Wno-shadow)
endif()

set(PADDLER_STANDARD_HEADERS
  <algorithm> <array> <charconv> <chrono> <cmath> <compare> <concepts> <cstdint> <deque> <expected> <fstream> <functional> <limits> <list> <map>
  <memory> <mutex> <optional> <ostream> <set> <span> <sstream> <stdexcept> <string> <string_view> <tuple> <utility> <variant> <vector>
  <boost/describe.hpp> <boost/json.hpp> <boost/mp11/algorithm.hpp>)
set(PADDLER_ASIO_HEADERS
  <boost/asio/any_completion_handler.hpp> <boost/asio/as_tuple.hpp> <boost/asio/awaitable.hpp> <boost/asio/bind_cancellation_slot.hpp>
  <boost/asio/cancellation_signal.hpp> <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp> <boost/asio/post.hpp>
  <boost/asio/steady_timer.hpp> <boost/asio/use_awaitable.hpp>)
set(PADDLER_TEST_HEADERS <gmock/gmock.h> <gtest/gtest.h>)
set(PADDLER_STATIC_LIBRARY_OPTIONS "")
set(PADDLER_EXECUTABLE_OPTIONS -O0)

# What a target uses decides which headers it shares: with Asio or not, with GoogleTest or not. Programs are compiled apart:
# they are tests.
function(paddler_share_headers target type)
  paddler_linked_libraries(${target} linked)
  set(headers ${PADDLER_STANDARD_HEADERS})
  set(libraries paddler_flags paddler_boost_json)
  string(TOLOWER "paddler_headers_${type}" name)
  if(paddler_asio IN_LIST linked)
    list(APPEND headers ${PADDLER_ASIO_HEADERS})
    list(APPEND libraries paddler_asio)
    string(APPEND name _asio)
  endif()
  if(linked MATCHES "GTest::")
    list(APPEND headers ${PADDLER_TEST_HEADERS})
    list(APPEND libraries GTest::gmock)
    string(APPEND name _gtest)
  endif()
  if(NOT TARGET ${name})
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/${name}.cpp CONTENT "")
    add_library(${name} OBJECT ${PROJECT_BINARY_DIR}/${name}.cpp)
    target_link_libraries(${name} PRIVATE ${libraries})
    target_compile_options(${name} PRIVATE ${PADDLER_${type}_OPTIONS})
    target_precompile_headers(${name} PRIVATE ${headers})
  endif()
  target_precompile_headers(${target} REUSE_FROM ${name})
endfunction()

# For every target of ours; to be called when all are there.
function(paddler_quick_build folder)
  if(NOT PADDLER_QUICK_BUILD)
    return()
  endif()
  get_property(targets DIRECTORY ${folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    get_target_property(linked ${target} LINK_LIBRARIES)
    if(NOT type MATCHES "^(STATIC_LIBRARY|EXECUTABLE)$" OR NOT "paddler_flags" IN_LIST linked)
      continue()
    endif()
    target_compile_options(${target} PRIVATE ${PADDLER_${type}_OPTIONS})
    paddler_share_headers(${target} ${type})
    if(type STREQUAL "STATIC_LIBRARY")
      set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 8)
    endif()
  endforeach()
  get_property(below DIRECTORY ${folder} PROPERTY SUBDIRECTORIES)
  foreach(next IN LISTS below)
    paddler_quick_build(${next})
  endforeach()
endfunction()
