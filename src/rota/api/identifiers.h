#pragma once

#include <string>

// Names that the server gives away: random, so that nobody guesses the next one.
namespace rota::api {

/// The prefix and twenty upper-case letters and digits: "Z…" for zones, "C…" for changes.
std::string new_id(char prefix);

/// A UUID of version 4, as x-amzn-RequestId carries it.
std::string new_request_id();

}  // namespace rota::api
