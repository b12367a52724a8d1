#include "rota/cli/command.h"

#include <functional>
#include <utility>

#include <CLI/CLI.hpp>

#include "rota/base/error.h"
#include "rota/cli/options.h"

namespace rota::cli {

void run_as(CLI::App& command, Run& run, std::function<Result<int>()> act,
            std::function<bool()> is_json) {
    command.callback([&run, act = std::move(act), is_json = std::move(is_json)] {
        run = [act, is_json] {
            const auto status = act();
            const Output output = is_json && is_json() ? Output::json : Output::text;
            return status ? *status : report(status.error(), output);
        };
    });
}

}  // namespace rota::cli
