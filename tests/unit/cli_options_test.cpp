#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <gtest/gtest.h>
#include <unistd.h>

#include "rota/cli/options.h"

namespace rota::cli {
namespace {

class Options : public testing::Test {
protected:
    Options() {
        add_config_option(app_, sources_);
        app_.add_option("--data", data_, "directory");
        app_.add_option("--dns", dns_, "addresses")->allow_extra_args(false);
        app_.add_option("--workers", workers_, "threads")->check(CLI::Range(1, 64));
        app_.add_flag("--allow-aws3", allow_aws3_, "old signatures");
        app_.add_flag("--dry-run", dry_run_, "say only")->configurable(false);
    }

    ~Options() override {
        for (const std::string& variable : set_) {
            ::unsetenv(variable.c_str());  // NOLINT(concurrency-mt-unsafe)
        }
        ::unlink(path_.c_str());
    }

    void environment(const std::string& variable, const std::string& value) {
        ::setenv(variable.c_str(), value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
        set_.push_back(variable);
    }

    void file(const std::string& text) { std::ofstream{path_} << text; }

    std::string fill(const std::string& command_line = "") {
        app_.parse(command_line);
        const auto filled = fill_options(app_, sources_);
        return filled ? "" : filled.error().message;
    }

    std::string path_ = testing::TempDir() + "rota-options-" + std::to_string(::getpid()) + ".toml";
    SettingSources sources_{"ROTA_TEST_", path_, {}};
    CLI::App app_;
    std::string data_ = "/var/lib/rota";
    std::vector<std::string> dns_{"[::]:53"};
    unsigned workers_ = 2;
    bool allow_aws3_ = false;
    bool dry_run_ = false;
    std::vector<std::string> set_;
};

TEST_F(Options, keep_their_defaults_when_nobody_says_anything) {
    EXPECT_EQ(fill(), "");
    EXPECT_EQ(data_, "/var/lib/rota");
    EXPECT_EQ(dns_, std::vector<std::string>{"[::]:53"});
    EXPECT_EQ(workers_, 2U);
    EXPECT_FALSE(allow_aws3_);
}

TEST_F(Options, come_from_the_file) {
    file("data = \"/d\"\ndns = [\"[::1]:53\", \"127.0.0.1:53\"]\nworkers = 3\nallow-aws3 = true\n");
    EXPECT_EQ(fill(), "");
    EXPECT_EQ(data_, "/d");
    EXPECT_EQ(dns_, (std::vector<std::string>{"[::1]:53", "127.0.0.1:53"}));
    EXPECT_EQ(workers_, 3U);
    EXPECT_TRUE(allow_aws3_);
}

TEST_F(Options, of_the_environment_win_over_the_file) {
    file("dns = [\"[::1]:53\"]\nworkers = 3\nallow-aws3 = true\n");
    environment("ROTA_TEST_DNS", "127.0.0.1:1, 127.0.0.2:2");
    environment("ROTA_TEST_WORKERS", "5");
    environment("ROTA_TEST_ALLOW_AWS3", "false");
    EXPECT_EQ(fill(), "");
    EXPECT_EQ(dns_, (std::vector<std::string>{"127.0.0.1:1", "127.0.0.2:2"}));
    EXPECT_EQ(workers_, 5U);
    EXPECT_FALSE(allow_aws3_);
}

TEST_F(Options, of_the_command_line_win_over_everything) {
    file("dns = [\"[::1]:53\"]\nworkers = 3\n");
    environment("ROTA_TEST_WORKERS", "5");
    EXPECT_EQ(fill("--workers 7 --dns 127.0.0.9:9 --dns [::1]:9"), "");
    EXPECT_EQ(dns_, (std::vector<std::string>{"127.0.0.9:9", "[::1]:9"}));
    EXPECT_EQ(workers_, 7U);
}

TEST_F(Options, count_an_empty_variable_as_unset) {
    environment("ROTA_TEST_DATA", "");
    EXPECT_EQ(fill(), "");
    EXPECT_EQ(data_, "/var/lib/rota");
}

TEST_F(Options, are_not_empty_in_a_file) {
    file("data = \"\"\n");
    EXPECT_EQ(fill(), path_ + ":1: data: the string is empty; leave the key out for the default");
}

TEST_F(Options, are_not_empty_on_the_command_line) {
    app_.parse(std::vector<std::string>{"", "--data"});  // CLI11 reads from the back
    const auto filled = fill_options(app_, sources_);
    ASSERT_FALSE(filled);
    EXPECT_EQ(filled.error().kind, ErrorKind::usage);
    EXPECT_EQ(filled.error().message,
              "--data: the value is empty; leave the option out for the default");
}

TEST_F(Options, name_the_place_of_a_value_that_does_not_fit) {
    file("data = \"/d\"\nworkers = \"many\"\n");
    EXPECT_EQ(fill(), path_ + ":2: workers: expected an integer, found a string");
}

TEST_F(Options, name_the_place_of_a_value_out_of_range) {
    file("\nworkers = 1000\n");
    EXPECT_TRUE(fill().starts_with(path_ + ":2: workers: Value 1000 not in range"));
}

TEST_F(Options, name_the_variable_of_a_value_out_of_range) {
    environment("ROTA_TEST_WORKERS", "lots");
    EXPECT_TRUE(fill().starts_with("ROTA_TEST_WORKERS: "));
}

TEST_F(Options, refuse_keys_that_are_none) {
    file("dry-run = true\n");
    EXPECT_EQ(fill(),
              path_ + ":1: unknown key 'dry-run'; known keys: allow-aws3, data, dns, workers");
}

TEST_F(Options, refuse_a_missing_file_that_was_asked_for) {
    EXPECT_EQ(fill("--config /nonexistent/x.toml"), "/nonexistent/x.toml: no such file");
}

TEST_F(Options, take_the_files_name_from_the_environment) {
    environment("ROTA_TEST_CONFIG", "/nonexistent/y.toml");
    EXPECT_EQ(fill(), "/nonexistent/y.toml: no such file");
}

}  // namespace
}  // namespace rota::cli
