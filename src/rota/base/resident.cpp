#include "rota/base/resident.h"

#include <cstddef>
#include <cstdint>
#include <span>

#include <elf.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

namespace rota {
namespace {

// The first object that is visited is the program itself. Its segments that cannot be written are
// what is in the file, to the octet: this is position-independent code, and what is relocated is in
// a segment that could be written. Libraries, which others share, stay.
int let_go_of_segments(dl_phdr_info* program, std::size_t /*size*/, void* /*unused*/) {
    const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
    for (const auto& segment : std::span{program->dlpi_phdr, program->dlpi_phnum}) {
        if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) {
            continue;
        }
        const std::uintptr_t begin = (program->dlpi_addr + segment.p_vaddr) / page * page;
        const std::uintptr_t end = program->dlpi_addr + segment.p_vaddr + segment.p_filesz;
        // NOLINTNEXTLINE(performance-no-int-to-ptr): the loader's addresses are numbers
        ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
    }
    return 1;  // no further object
}

}  // namespace

void let_go_of_program_pages() noexcept {
    ::dl_iterate_phdr(let_go_of_segments, nullptr);
}

}  // namespace rota
