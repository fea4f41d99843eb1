// Model files on this machine. These functions block: run them on a blocking_executor.
#pragma once
#include "base/result.hpp"
#include "core/engine/gguf.hpp"

#include <string>

namespace paddler {

// Opens the file and reads as much of it as its header takes, at most max_gguf_header_bytes. `not_found` where there is
// no such file; `invalid_input` for folders, devices and pipes, and for what no engine could load; `storage` for what
// the system refuses. The error's words name the file.
result<gguf_info> blocking_inspect_model(std::string const& path);

} // namespace paddler
