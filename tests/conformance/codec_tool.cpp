// Reads requests with the server's half of the codec and writes them again with the client's, for
// tests/conformance: a JSON object a line on standard input, one on standard output.
#include <iostream>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "rota/route53/codec.h"

namespace {

using nlohmann::json;

template <typename Decoded>
json recode(const Decoded& decoded) {
    if (decoded) {
        return {{"xml", rota::route53::encode_request(*decoded)}};
    }
    return {{"code", decoded.error().code}, {"message", decoded.error().message}};
}

json run(const json& text) {
    const std::string body = text.at("body");
    const std::string_view kind = text.at("kind").get_ref<const std::string&>();
    if (kind == "create") {
        return recode(rota::route53::decode_create_hosted_zone_request(body));
    }
    if (kind == "raw") {
        return recode(rota::route53::decode_raw_change_request(body));
    }
    return recode(rota::route53::decode_change_request(body));
}

}  // namespace

int main() {
    for (std::string line; std::getline(std::cin, line);) {
        std::cout << run(json::parse(line)).dump() << std::endl;
    }
}
