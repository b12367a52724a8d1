#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "rota/base/resident.h"

namespace rota {
namespace {

/// KiB of files' pages that are mapped by this process.
long mapped_file_pages() {
    std::ifstream status{"/proc/self/status"};
    for (std::string word; status >> word;) {
        if (word == "RssFile:") {
            long size = 0;
            status >> size;
            return size;
        }
    }
    return 0;
}

TEST(ProgramPages, are_let_go_and_come_back_as_they_were) {
    const std::string before{"what the program says"};
    const long mapped = mapped_file_pages();
    let_go_of_program_pages();
    EXPECT_LT(mapped_file_pages(), mapped);
    EXPECT_EQ(before, "what the program says");
    let_go_of_program_pages();  // more than once does no harm
}

}  // namespace
}  // namespace rota
