#include "rota/base/fd.h"

#include <unistd.h>

namespace rota {

void Fd::reset() noexcept {
    if (number_ >= 0) {
        ::close(number_);
        number_ = -1;
    }
}

}  // namespace rota
