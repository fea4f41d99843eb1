# Everything here is a Debian package; docs/dependencies.md says why each is used.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(SQLite3 REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(mimalloc 2 REQUIRED)
include(GoogleTest)

# What programs that run for long take their memory from. Sanitizers bring an allocator of their own.
add_library(paddler_allocator INTERFACE)
if(NOT PADDLER_SANITIZE AND NOT PADDLER_FUZZ)
  target_link_libraries(paddler_allocator INTERFACE -Wl,--push-state,--no-as-needed mimalloc -Wl,--pop-state)
endif()

# yaml-cpp's target is named differently in 0.7 and 0.8.
add_library(paddler_yaml INTERFACE)
target_link_libraries(paddler_yaml INTERFACE $<IF:$<TARGET_EXISTS:yaml-cpp::yaml-cpp>,yaml-cpp::yaml-cpp,yaml-cpp>)

# Pure part of Boost (JSON, Describe, URL): what the wire layer may use.
add_library(paddler_boost_json INTERFACE)
target_link_libraries(paddler_boost_json INTERFACE Boost::json Boost::url)

# Asio and Beast: only what stands at or above runtime links this.
add_library(paddler_asio INTERFACE)
target_link_libraries(paddler_asio INTERFACE Boost::headers OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
target_compile_definitions(paddler_asio INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_DISABLE_BOOST_COROUTINE
  BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=8) # coroutine frames a thread keeps: a request's nesting
