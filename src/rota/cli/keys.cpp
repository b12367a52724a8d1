#include "rota/store/keys.h"

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <sysexits.h>
#include <unistd.h>

#include "rota/base/clock.h"
#include "rota/base/error.h"
#include "rota/base/print.h"
#include "rota/base/time_format.h"
#include "rota/cli/command.h"
#include "rota/cli/options.h"
#include "rota/config/file.h"
#include "rota/server/privileges.h"
#include "rota/store/directory.h"

namespace rota::cli {
namespace {

struct Options {
    std::string data;
    std::string comment;
    std::string id;
    bool secret_stdin = false;
    bool json = false;
};

/// The directory that `rota serve` would use: the flag, ROTA_SERVE_DATA, `data` in its file, the
/// default.
Result<std::string> data_directory(const Options& options) {
    if (!options.data.empty()) {
        return options.data;
    }
    if (const char* const value = ::getenv("ROTA_SERVE_DATA");  // NOLINT(concurrency-mt-unsafe)
        value != nullptr && *value != '\0') {
        return std::string{value};
    }
    if (const auto file = config::read("/etc/rota/serve.toml"); file) {
        if (auto data = ROTA_TRY(file->text("data"))) {
            return std::move(*data);
        }
    }
    return std::string{"/var/lib/rota"};
}

/// Root works as the directory's owner, so that every file in it stays the owner's.
Status become_owner(const std::string& directory) {
    const store::Owner owner = ROTA_TRY(store::owner_of(directory));
    if (::geteuid() == 0) {
        return owner.user == 0 ? Status{}
                               : server::drop_privileges(server::Identity{
                                     fmt::format("{}", owner.user), owner.user, owner.group});
    }
    if (owner.user != ::geteuid()) {
        return fail(ErrorKind::permission,
                    fmt::format("{} belongs to user {}: run this as that user or as root",
                                directory, owner.user));
    }
    return {};
}

Result<store::Keys> open_existing(const Options& options) {
    const std::string directory = ROTA_TRY(data_directory(options));
    ROTA_CHECK(become_owner(directory));
    return store::Keys::open(directory);
}

/// As open_existing; makes the directory where there is none, for the user that serves.
Result<store::Keys> open_or_create(const Options& options) {
    const std::string directory = ROTA_TRY(data_directory(options));
    if (const auto owner = store::owner_of(directory);
        !owner && owner.error().kind == ErrorKind::not_found) {
        const auto identity = ROTA_TRY(server::serving_identity(std::nullopt));
        ROTA_CHECK(store::prepare_directory(
            directory, identity ? std::optional{store::Owner{identity->user, identity->group}}
                                : std::nullopt));
    }
    ROTA_CHECK(become_owner(directory));
    ROTA_CHECK(store::prepare_directory(directory, std::nullopt));
    return store::Keys::open(directory);
}

Result<store::Key> new_key(const Options& options) {
    store::Key key = store::generate_key();
    if (!options.id.empty()) {
        ROTA_CHECK(store::check_key_id(options.id));
        key.id = options.id;
    }
    if (options.secret_stdin) {
        key.secret.clear();
        std::getline(std::cin, key.secret);
        if (key.secret.ends_with('\r')) {
            key.secret.pop_back();
        }
        ROTA_CHECK(store::check_secret(key.secret));
    }
    key.comment = options.comment;
    key.created_at = wall_now();
    return key;
}

void print_created(const store::Key& key, const Options& options) {
    if (options.json) {
        nlohmann::ordered_json out{{"access_key_id", key.id}};
        if (!options.secret_stdin) {
            out["secret_access_key"] = key.secret;
        }
        out["comment"] = key.comment;
        out["created_at"] = format_rfc3339(key.created_at);
        put(stdout, "{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    } else if (options.secret_stdin) {
        put(stdout, "key {} created\n", key.id);
    } else {
        put(stdout,
            "# A new access key. The secret is not shown again.\n"
            "export AWS_ACCESS_KEY_ID={}\n"
            "export AWS_SECRET_ACCESS_KEY={}\n",
            key.id, key.secret);
    }
}

Status create(const Options& options) {
    if (options.secret_stdin && options.id.empty()) {
        return fail(ErrorKind::usage, "--secret-stdin is for a pair that you bring: give --id too");
    }
    if (!options.secret_stdin && !options.id.empty()) {
        return fail(ErrorKind::usage,
                    "--id is for a pair that you bring: give its secret with --secret-stdin");
    }
    const store::Key key = ROTA_TRY(new_key(options));
    store::Keys keys = ROTA_TRY(open_or_create(options));
    ROTA_CHECK(keys.add(key));
    print_created(key, options);
    auto shown = flush_output();
    if (shown || options.secret_stdin) {
        return {};
    }
    const auto removed = keys.remove(key.id);
    return fail(ErrorKind::io, fmt::format("{}: nobody saw the secret of the new key {}, which {}",
                                           shown.error().message, key.id,
                                           removed ? "is deleted again"
                                                   : "could not be deleted: rota keys delete it"));
}

Status list(const Options& options) {
    store::Keys keys = ROTA_TRY(open_existing(options));
    const std::vector<store::Key> all = ROTA_TRY(keys.all());
    if (options.json) {
        auto out = nlohmann::ordered_json::array();
        for (const store::Key& key : all) {
            out.push_back({{"access_key_id", key.id},
                           {"comment", key.comment},
                           {"created_at", format_rfc3339(key.created_at)}});
        }
        put(stdout, "{}\n", out.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
        return {};
    }
    for (const store::Key& key : all) {
        put(stdout, "{:<20}  {}  {}\n", key.id, format_rfc3339(key.created_at), key.comment);
    }
    if (all.empty()) {
        put(stderr, "no keys yet: rota keys create\n");
    }
    return {};
}

Status remove(const Options& options) {
    store::Keys keys = ROTA_TRY(open_existing(options));
    if (!ROTA_TRY(keys.remove(options.id))) {
        return fail(
            ErrorKind::not_found,
            fmt::format("there is no key {}: rota keys list shows those there are", options.id));
    }
    if (options.json) {
        put(stdout, "{}\n", nlohmann::ordered_json{{"deleted", options.id}}.dump());
    } else {
        put(stdout, "key {} deleted; a running server refuses it within a second\n", options.id);
    }
    return {};
}

CLI::App* add_verb(CLI::App& keys, const std::string& name, const std::string& description,
                   const std::shared_ptr<Options>& options, Run& run_chosen,
                   Status (*verb)(const Options&)) {
    CLI::App* const command = keys.add_subcommand(name, description);
    command
        ->add_option("--data", options->data,
                     "Directory of the server (default ROTA_SERVE_DATA, then what "
                     "/etc/rota/serve.toml says, then /var/lib/rota)")
        ->type_name("DIR");
    command->add_flag("--json", options->json, "One JSON value instead of text");
    command->callback([command, options, verb, &run_chosen] {
        run_chosen = [command, options, verb] {
            const Status given = refuse_empty_values(*command);
            const Status done = given ? verb(*options) : given;
            return done ? EX_OK : report(done.error(), options->json ? Output::json : Output::text);
        };
    });
    return command;
}

}  // namespace

void add_keys(CLI::App& app, Run& run_chosen) {
    CLI::App* const keys =
        app.add_subcommand("keys", "Create, list and delete the access keys of a server");
    keys->require_subcommand(1);
    const auto options = std::make_shared<Options>();
    CLI::App* const creation = add_verb(*keys, "create", "Make a key and show its secret, once",
                                        options, run_chosen, create);
    creation->add_option("--comment", options->comment, "What the key is for")->type_name("TEXT");
    creation->add_option("--id", options->id, "Take a given pair: its id")->type_name("ID");
    creation->add_flag("--secret-stdin", options->secret_stdin,
                       "Take a given pair: its secret is the first line of standard input");
    add_verb(*keys, "list", "Show ids, dates and comments; never secrets", options, run_chosen,
             list);
    CLI::App* const deletion =
        add_verb(*keys, "delete", "Delete a key", options, run_chosen, remove);
    deletion->add_option("ID", options->id, "The key's id")->required()->type_name("");
}

}  // namespace rota::cli
