#include "rota/base/end_signal.h"

#include <cerrno>
#include <initializer_list>

#include <signal.h>
#include <sys/signalfd.h>

#include "rota/base/error.h"
#include "rota/base/fd.h"

namespace rota {

Result<Fd> receive_signals(std::initializer_list<int> numbers) {
    sigset_t wanted{};
    ::sigemptyset(&wanted);
    for (const int number : numbers) {
        ::sigaddset(&wanted, number);
    }
    ::pthread_sigmask(SIG_BLOCK, &wanted, nullptr);
    Fd signals{::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK)};
    if (!signals) {
        return fail_errno("cannot receive signals", errno);
    }
    return signals;
}

}  // namespace rota
