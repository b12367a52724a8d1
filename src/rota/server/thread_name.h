#pragma once

namespace rota::server {

/// Names the calling thread for ps, top and gdb. @param name  at most 15 octets.
void name_thread(const char* name) noexcept;

}  // namespace rota::server
