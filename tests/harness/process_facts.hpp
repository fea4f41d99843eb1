// What the kernel says of a process.
#pragma once
#include "base/time.hpp"
#include "harness/names.hpp"
#include "runtime/task.hpp"

#include <cstddef>
#include <cstdint>

namespace paddler_test {

// Zombies do not count.
bool is_running(std::int64_t pid);

// All of these are 0 where there is no such process.
std::size_t open_files(std::int64_t pid);
std::size_t thread_count(std::int64_t pid);
std::size_t resident_bytes(std::int64_t pid);

std::int64_t own_pid();

// From now on this process may open no file whose number is not below this one. Gives the limit that it had; 0 where
// there is no such process.
std::size_t limit_open_files(std::int64_t pid, std::size_t limit);

// From now on this process's children obey the rights on files, also where it is root. False where the system does not
// let it.
bool make_children_obey_file_rights();

// False where there is no such process.
bool send_signal(std::int64_t pid, int signal);

// It gets no processor for so long: SIGSTOP, then SIGCONT.
task<> stand_still(std::int64_t pid, duration time);

} // namespace paddler_test
