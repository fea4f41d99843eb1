# Compiler, language level, warnings and sanitizers. Included once, before any target.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR
    "g++ ${CMAKE_CXX_COMPILER_VERSION} miscompiles coroutines (docs/dependencies.md). "
    "Use clang-19: cmake --preset release, or CXX=clang++-19.")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

# Paths enter the compiler relative to the root, so that another clone of the repository finds the same cache entries.
# Given as environment of each call: nobody's ccache configuration is changed.
find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(launcher env CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()

# What every target of ours is compiled with. llama.cpp keeps its own flags.
add_library(paddler_flags INTERFACE)
target_compile_options(paddler_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor
  -Wno-missing-designated-field-initializers # a field left out of T{.x = 1} has its default: that is what we mean
  -Wold-style-cast -Wcast-align -Woverloaded-virtual -Wnull-dereference -Wunused -Werror
  -fno-omit-frame-pointer -fstack-protector-strong)
target_compile_definitions(paddler_flags INTERFACE _GLIBCXX_ASSERTIONS)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # Debug information is relative to the build folder, as the cached objects of another clone are.
  target_compile_options(paddler_flags INTERFACE -fdebug-compilation-dir=.)
  find_program(LLD_PROGRAM ld.lld-19)
  if(LLD_PROGRAM)
    target_link_options(paddler_flags INTERFACE -fuse-ld=lld) # the many test programs link several times faster
  endif()
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT PADDLER_SANITIZE)
  target_compile_options(paddler_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
  target_link_options(paddler_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
if(PADDLER_FUZZ)
  target_compile_options(paddler_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(PADDLER_SANITIZE)
  target_compile_options(paddler_flags INTERFACE -fsanitize=${PADDLER_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(paddler_flags INTERFACE -fsanitize=${PADDLER_SANITIZE})
endif()
if(PADDLER_COVERAGE)
  # Figures go by instrumented source, so headers and templates count where they are used (scripts/coverage).
  target_compile_options(paddler_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(paddler_flags INTERFACE -fprofile-instr-generate)
endif()
