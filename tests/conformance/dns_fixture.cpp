// Serves zones from text on a loopback port until its standard input ends; for the comparison with
// other name servers. Prints the address once it answers.
#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "rota/server/dns_server.h"
#include "rota/zone/snapshot.h"
#include "support/dns_messages.h"

int main(int argc, char** argv) {
    auto snapshot = rota::zone::empty_snapshot();
    for (int i = 1; i < argc; ++i) {
        // DIRECTORY/NAME.zone holds the zone NAME.
        const std::string path = argv[i];
        std::ifstream file{path};
        std::ostringstream text;
        text << file.rdbuf();
        const auto start = path.rfind('/') + 1;
        const auto name =
            path.substr(start, path.size() - start - std::string_view{".zone"}.size());
        snapshot = rota::zone::with_zone(snapshot, rota::test::hosted_zone(name, name),
                                         rota::test::record_sets(text.str()));
    }
    auto server = rota::server::DnsServer::bind({.addresses = {"127.0.0.1:0"}});
    if (!server || !(*server)->start(snapshot)) {
        fmt::print(stderr, "{}\n", server ? "cannot start" : server.error().message);
        return 1;
    }
    fmt::print("{}\n", (*server)->addresses().front());
    std::fflush(stdout);
    std::string ignored;
    while (std::getline(std::cin, ignored)) {
    }
    return 0;
}
