// Runs a fuzz target over every file of a corpus folder, so that what fuzzing once found stays
// found in every build, with every compiler and sanitizer.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(  // NOLINT(readability-identifier-naming): libFuzzer's name
    const std::uint8_t* octets, std::size_t size);

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: fuzz_NAME_corpus DIRECTORY\n", stderr);
        return 64;
    }
    std::size_t inputs = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1], error)) {
        std::ifstream file(entry.path(), std::ios::binary);
        const std::vector<char> input{std::istreambuf_iterator<char>(file), {}};
        // A copy of the exact size on the heap lets AddressSanitizer see a read past the end.
        const std::vector<std::uint8_t> octets(input.begin(), input.end());
        LLVMFuzzerTestOneInput(octets.data(), octets.size());
        ++inputs;
    }
    std::printf("%zu inputs\n", inputs);
    return inputs == 0 ? 1 : 0;
}
