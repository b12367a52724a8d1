#pragma once

#include <cstdio>
#include <string_view>

#include <fmt/format.h>

#include "rota/base/error.h"

// Text for people and scripts, on standard output and standard error. A terminal that went away, a
// full disk or a closed pipe behind them must not end what the program does, so writing never
// fails here; who owes its caller the output asks flush_output() at the end.
namespace rota {

/// Writes the text as it is; remembers a failure of standard output.
void put_text(std::FILE* stream, std::string_view text) noexcept;

template <typename... Arguments>
void put(std::FILE* stream, fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    put_text(stream, fmt::vformat(format, fmt::make_format_args(arguments...)));
}

/// Writes out what the stream still holds; as forgiving as put.
void flush(std::FILE* stream) noexcept;

/// @errors io: some of what was put on standard output is lost, now or earlier.
Status flush_output();

/// Keeps sockets and files out of the descriptors 0 to 2 where the caller closed them, and a
/// closed pipe from ending the process. Call it first in main().
void guard_standard_streams() noexcept;

}  // namespace rota
