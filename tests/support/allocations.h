#pragma once

#include <cstddef>

// For a program of its own that links allocations.cpp, which replaces the operators that every
// allocation of C++ goes through. Not for a build with a sanitizer, which replaces them too.
namespace rota::test {

/// How many there were since the start, on all threads.
std::size_t allocations() noexcept;

}  // namespace rota::test
