#include "rota/server/thread_name.h"

#include <pthread.h>

namespace rota::server {

void name_thread(const char* name) noexcept {
    ::pthread_setname_np(::pthread_self(), name);
}

}  // namespace rota::server
