#include "rota/store/store.h"

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "rota/base/error.h"
#include "rota/dns/name.h"
#include "rota/dns/types.h"
#include "rota/model/change_batch.h"
#include "rota/model/hosted_zone.h"
#include "rota/model/record_set.h"
#include "rota/store/sqlite.h"

namespace rota::store {
namespace {

using nlohmann::json;

// A record set's name and type are text as in the API; its body is a JSON object, so that later
// policies need no new columns. `number` orders zones by creation and changes by commit.
constexpr Schema kSchema{1, R"sql(
CREATE TABLE hosted_zones(
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    caller_reference TEXT NOT NULL UNIQUE,
    comment TEXT NOT NULL,
    private_zone INTEGER NOT NULL CHECK (private_zone IN (0, 1)),
    name_servers TEXT NOT NULL
) STRICT;
CREATE TABLE record_sets(
    zone_id TEXT NOT NULL REFERENCES hosted_zones(id),
    name TEXT NOT NULL,
    type TEXT NOT NULL,
    set_identifier TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (zone_id, name, type, set_identifier)
) STRICT, WITHOUT ROWID;
CREATE TABLE changes(
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    submitted_at INTEGER NOT NULL,
    comment TEXT NOT NULL
) STRICT;
CREATE INDEX changes_by_time ON changes(submitted_at);
)sql"};

std::string body_of(const model::RecordSet& record_set) {
    json body{{"ttl", record_set.ttl}, {"values", record_set.values}};
    if (const auto* const weighted = std::get_if<model::WeightedRouting>(&record_set.routing)) {
        body["weight"] = weighted->weight;
    }
    // Values may hold any octets that XML can carry; JSON wants UTF-8 and gets it, or a
    // replacement.
    return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Fills TTL, values and policy. @returns what is wrong; empty when nothing is.
std::string read_body(model::RecordSet& record_set, std::string_view text) {
    const json body = json::parse(text, nullptr, false);
    if (!body.is_object()) {
        return "its body is not a JSON object";
    }
    for (const auto& [key, value] : body.items()) {
        if (key == "ttl" && value.is_number_unsigned()) {
            record_set.ttl = value.get<std::uint32_t>();
        } else if (key == "weight" && value.is_number_unsigned() && value.get<unsigned>() <= 255) {
            record_set.routing = model::WeightedRouting{value.get<std::uint8_t>()};
        } else if (key == "values" && value.is_array()) {
            for (const json& one : value) {
                if (!one.is_string()) {
                    return "a value is not a string";
                }
                record_set.values.push_back(one.get<std::string>());
            }
        } else {
            return fmt::format("'{}' in its body is not understood", key);
        }
    }
    return {};
}

std::unexpected<Error> damaged(std::string_view what, std::string_view why) {
    return fail(ErrorKind::bad_input,
                fmt::format("rota.db: {}: {}: restore the file from a backup", what, why));
}

std::string join_names(const std::vector<dns::Name>& names) {
    std::string text;
    for (const dns::Name& name : names) {
        text += (text.empty() ? "" : " ") + name.to_text();
    }
    return text;
}

Result<std::vector<dns::Name>> split_names(std::string_view text) {
    std::vector<dns::Name> names;
    while (!text.empty()) {
        const auto space = text.find(' ');
        names.push_back(ROTA_TRY(dns::Name::parse(text.substr(0, space))));
        text = space == std::string_view::npos ? std::string_view{} : text.substr(space + 1);
    }
    return names;
}

/// What runs with every change, prepared once: select_change by the reader, the others by the
/// writer.
struct Statements {
    Statement insert_change;
    Statement trim_by_time;
    Statement trim_by_number;
    Statement put_record_set;
    Statement erase_record_set;
    Statement select_change;
};

Result<Statements> prepare(Database& writer, Database& reader) {
    return Statements{
        .insert_change = ROTA_TRY(
            writer.prepare("INSERT INTO changes(id, submitted_at, comment) VALUES (?1, ?2, ?3)")),
        .trim_by_time = ROTA_TRY(writer.prepare("DELETE FROM changes WHERE submitted_at < ?1")),
        .trim_by_number = ROTA_TRY(writer.prepare(
            "DELETE FROM changes WHERE number <= (SELECT max(number) FROM changes) - ?1")),
        .put_record_set = ROTA_TRY(writer.prepare(
            "INSERT OR REPLACE INTO record_sets(zone_id, name, type, set_identifier, body) "
            "VALUES (?1, ?2, ?3, ?4, ?5)")),
        .erase_record_set = ROTA_TRY(writer.prepare(
            "DELETE FROM record_sets "
            "WHERE zone_id = ?1 AND name = ?2 AND type = ?3 AND set_identifier = ?4")),
        .select_change =
            ROTA_TRY(reader.prepare("SELECT submitted_at, comment FROM changes WHERE id = ?1"))};
}

}  // namespace

struct Store::Impl {
    Status add_change(const model::ChangeInfo& change);
    Status put(std::string_view zone_id, const model::RecordSet& record_set);
    Status erase(std::string_view zone_id, const model::RecordKey& key);
    Status load_zones(std::vector<StoredZone>& zones);
    Status load_record_sets(StoredZone& zone);

    Impl(Database for_writes, Database for_reads, Statements prepared, std::size_t most)
        : writer{std::move(for_writes)},
          reader{std::move(for_reads)},
          most_changes{most},
          statements{std::move(prepared)} {}

    std::mutex writing;
    Database writer;
    std::mutex reading;
    Database reader;
    std::size_t most_changes;
    Statements statements;  // last: they end before their connections
};

Status Store::Impl::add_change(const model::ChangeInfo& change) {
    const std::int64_t now = change.submitted_at.time_since_epoch().count();
    statements.insert_change.bind(1, change.id);
    statements.insert_change.bind(2, now);
    statements.insert_change.bind(3, change.comment);
    ROTA_CHECK(statements.insert_change.run());
    statements.trim_by_time.bind(1, now - std::chrono::microseconds{kChangesKept}.count());
    ROTA_CHECK(statements.trim_by_time.run());
    statements.trim_by_number.bind(1, static_cast<std::int64_t>(most_changes));
    return statements.trim_by_number.run();
}

Status Store::Impl::put(std::string_view zone_id, const model::RecordSet& record_set) {
    statements.put_record_set.bind(1, zone_id);
    statements.put_record_set.bind(2, record_set.name.to_text());
    statements.put_record_set.bind(3, dns::to_string(record_set.type));
    statements.put_record_set.bind(4, record_set.set_identifier);
    statements.put_record_set.bind(5, body_of(record_set));
    return statements.put_record_set.run();
}

Status Store::Impl::erase(std::string_view zone_id, const model::RecordKey& key) {
    statements.erase_record_set.bind(1, zone_id);
    statements.erase_record_set.bind(2, key.name.to_text());
    statements.erase_record_set.bind(3, dns::to_string(key.type));
    statements.erase_record_set.bind(4, key.set_identifier);
    return statements.erase_record_set.run();
}

Status Store::Impl::load_zones(std::vector<StoredZone>& zones) {
    Statement rows = ROTA_TRY(
        writer.prepare("SELECT id, name, caller_reference, comment, private_zone, name_servers "
                       "FROM hosted_zones ORDER BY number"));
    while (ROTA_TRY(rows.step())) {
        model::HostedZone zone;
        zone.id = rows.text(0);
        auto name = dns::Name::parse(rows.text(1));
        auto name_servers = split_names(rows.text(5));
        if (!name || !name_servers) {
            return damaged(fmt::format("hosted zone {}", zone.id),
                           (name ? name_servers.error() : name.error()).message);
        }
        zone.name = std::move(*name);
        zone.caller_reference = rows.text(2);
        zone.comment = rows.text(3);
        zone.private_zone = rows.integer(4) != 0;
        zone.name_servers = std::move(*name_servers);
        zones.push_back({std::move(zone), {}});
    }
    return {};
}

Status Store::Impl::load_record_sets(StoredZone& zone) {
    Statement rows = ROTA_TRY(writer.prepare(
        "SELECT name, type, set_identifier, body FROM record_sets WHERE zone_id = ?1"));
    rows.bind(1, zone.zone.id);
    while (ROTA_TRY(rows.step())) {
        const std::string what = fmt::format("record set {} {} '{}' in {}", rows.text(0),
                                             rows.text(1), rows.text(2), zone.zone.id);
        auto name = dns::Name::parse(rows.text(0));
        const auto type = dns::type_from_string(rows.text(1));
        if (!name || !type) {
            return damaged(what, name ? "unknown type" : name.error().message);
        }
        model::RecordSet record_set;
        record_set.name = std::move(*name);
        record_set.type = *type;
        record_set.set_identifier = rows.text(2);
        if (const std::string why = read_body(record_set, rows.text(3)); !why.empty()) {
            return damaged(what, why);
        }
        model::RecordKey key = model::key_of(record_set);
        zone.record_sets.emplace(std::move(key), std::move(record_set));
    }
    return {};
}

Store::Store(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}

Store::~Store() = default;

Result<std::unique_ptr<Store>> Store::open(const std::string& directory, std::size_t most_changes) {
    const std::string path = directory + "/rota.db";
    Database writer = ROTA_TRY(Database::open(path, kSchema));
    Database reader = ROTA_TRY(Database::open(path, kSchema));
    Statements statements = ROTA_TRY(prepare(writer, reader));
    return std::unique_ptr<Store>{new Store{std::make_unique<Impl>(
        std::move(writer), std::move(reader), std::move(statements), most_changes)}};
}

Result<std::vector<StoredZone>> Store::load() {
    const std::scoped_lock lock{impl_->writing};
    std::vector<StoredZone> zones;
    ROTA_CHECK(impl_->load_zones(zones));
    for (StoredZone& zone : zones) {
        ROTA_CHECK(impl_->load_record_sets(zone));
    }
    return zones;
}

Status Store::create_zone(const model::HostedZone& zone, const model::RecordSets& record_sets,
                          const model::ChangeInfo& change) {
    const std::scoped_lock lock{impl_->writing};
    Transaction transaction = ROTA_TRY(Transaction::begin(impl_->writer));
    Statement insert = ROTA_TRY(impl_->writer.prepare(
        "INSERT INTO hosted_zones(id, name, caller_reference, comment, private_zone, name_servers) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
    insert.bind(1, zone.id);
    insert.bind(2, zone.name.to_text());
    insert.bind(3, zone.caller_reference);
    insert.bind(4, zone.comment);
    insert.bind(5, std::int64_t{zone.private_zone});
    insert.bind(6, join_names(zone.name_servers));
    ROTA_CHECK(insert.run());
    for (const auto& [key, record_set] : record_sets) {
        ROTA_CHECK(impl_->put(zone.id, record_set));
    }
    ROTA_CHECK(impl_->add_change(change));
    return transaction.commit();
}

Status Store::delete_zone(std::string_view zone_id, const model::ChangeInfo& change) {
    const std::scoped_lock lock{impl_->writing};
    Transaction transaction = ROTA_TRY(Transaction::begin(impl_->writer));
    for (const std::string_view sql :
         {"DELETE FROM record_sets WHERE zone_id = ?1", "DELETE FROM hosted_zones WHERE id = ?1"}) {
        Statement statement = ROTA_TRY(impl_->writer.prepare(sql));
        statement.bind(1, zone_id);
        ROTA_CHECK(statement.run());
    }
    ROTA_CHECK(impl_->add_change(change));
    return transaction.commit();
}

Status Store::change_record_sets(std::string_view zone_id, const model::ZoneDelta& delta,
                                 const model::ChangeInfo& change) {
    const std::scoped_lock lock{impl_->writing};
    Transaction transaction = ROTA_TRY(Transaction::begin(impl_->writer));
    for (const auto& [key, after] : delta) {
        ROTA_CHECK(after ? impl_->put(zone_id, *after) : impl_->erase(zone_id, key));
    }
    ROTA_CHECK(impl_->add_change(change));
    return transaction.commit();
}

Result<std::optional<model::ChangeInfo>> Store::find_change(std::string_view id) {
    const std::scoped_lock lock{impl_->reading};
    Statement& select = impl_->statements.select_change;
    select.bind(1, id);
    auto row = select.step();
    std::optional<model::ChangeInfo> change;
    if (row && *row) {
        change = model::ChangeInfo{std::string{id}, model::ChangeStatus::insync,
                                   WallTime{std::chrono::microseconds{select.integer(0)}},
                                   std::string{select.text(1)}};
    }
    select.reset();
    if (!row) {
        return std::unexpected(std::move(row).error());
    }
    return change;
}

}  // namespace rota::store
