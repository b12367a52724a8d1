#include "rota/base/boot.h"

#include <fstream>
#include <string>

namespace rota {

std::string this_boot() {
    std::ifstream file{"/proc/sys/kernel/random/boot_id"};
    std::string line;
    std::getline(file, line);
    return line;
}

}  // namespace rota
