#pragma once

#include <string>

namespace rota {

/// What tells this boot of the machine from every other, which BootTime means nothing to; empty
/// where the kernel does not say.
std::string this_boot();

}  // namespace rota
