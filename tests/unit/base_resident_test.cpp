#include <array>
#include <cstddef>
#include <fstream>
#include <numeric>
#include <string>

#include <gtest/gtest.h>

#include "rota/base/resident.h"

namespace rota {
namespace {

/// In the program's file, and so large that what comes back at once (the kernel maps pages around
/// each that is asked for) is less.
constexpr std::size_t kBallast = 8UL << 20U;
const std::array<unsigned char, kBallast> ballast{1};

/// KiB of files' pages that are mapped by this process.
long mapped_file_pages() {
    std::ifstream status{"/proc/self/status"};
    long sum = 0;
    for (std::string word; status >> word;) {
        if (word == "RssFile:" || word == "RssShmem:") {  // the latter on a tmpfs
            long size = 0;
            status >> size;
            sum += size;
        }
    }
    return sum;
}

TEST(ProgramPages, are_let_go_and_come_back_as_they_were) {
    const volatile unsigned char* const first = ballast.data();
    ASSERT_EQ(std::accumulate(first, first + kBallast, 0U), 1U);
    const long mapped = mapped_file_pages();
    let_go_of_program_pages();
    EXPECT_LT(mapped_file_pages(), mapped - 4096);
    EXPECT_EQ(std::accumulate(first, first + kBallast, 0U), 1U);
    let_go_of_program_pages();  // more than once does no harm
}

}  // namespace
}  // namespace rota
