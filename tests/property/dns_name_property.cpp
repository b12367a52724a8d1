#include <algorithm>
#include <compare>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "dns_generators.h"
#include "rota/dns/name.h"

namespace rota::dns {
namespace {

std::vector<std::string> labels_of(const Name& name) {
    std::vector<std::string> labels;
    const auto wire = name.wire();
    for (std::size_t at = 0; wire[at] != 0; at += 1U + wire[at]) {
        labels.emplace_back(reinterpret_cast<const char*>(wire.data()) + at + 1, wire[at]);
    }
    return labels;
}

/// "com.example.www.", built the slow way.
std::string reversed_text(const Name& name) {
    auto labels = labels_of(name);
    std::ranges::reverse(labels);
    std::string text;
    for (const auto& label : labels) {
        text += label + ".";
    }
    return text;
}

bool has_dot_in_label(const Name& name) {
    return std::ranges::any_of(labels_of(name),
                               [](const auto& label) { return label.contains('.'); });
}

std::string to_upper(std::string text) {
    std::ranges::transform(text, text.begin(), [](char c) {
        return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    return text;
}

RC_GTEST_PROP(Name, text_and_wire_round_trip, ()) {
    const Name name = *any_name();
    RC_ASSERT(Name::from_wire(name.wire()).value() == name);
    RC_ASSERT(Name::parse(name.to_text()).value() == name);
    RC_ASSERT(Name::parse(to_upper(name.to_text())).value() == name);
    RC_ASSERT(name.is_root() ||
              Name::parse(name.to_text() + ".").error().kind == ErrorKind::bad_input);
}

RC_GTEST_PROP(Name, text_holds_only_letters_digits_hyphen_underscore_dots_and_escapes, ()) {
    const std::string text = (*any_name()).to_text();
    RC_ASSERT(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_.\\") ==
              std::string::npos);
}

RC_GTEST_PROP(Name, order_is_total_and_equality_agrees, ()) {
    const Name a = *any_name();
    const Name b = *any_name();
    const Name c = *any_name();
    RC_ASSERT((a <=> a) == std::strong_ordering::equal);
    RC_ASSERT((a < b) == (b > a));
    RC_ASSERT(((a <=> b) == 0) == (a == b));
    RC_ASSERT(!(a < b && b < c) || a < c);
    RC_ASSERT(a != b || std::hash<Name>{}(a) == std::hash<Name>{}(b));
}

RC_GTEST_PROP(Name, order_is_that_of_the_reversed_text, ()) {
    const Name a = *any_name();
    const Name b = *any_name();
    const std::string text_a = reversed_text(a);
    const std::string text_b = reversed_text(b);
    // A dot within a label would read as a boundary; the order of such names is only total.
    RC_PRE(!has_dot_in_label(a) && !has_dot_in_label(b));
    RC_ASSERT((a < b) == (text_a < text_b));
    RC_ASSERT((a == b) == (text_a == text_b));
}

RC_GTEST_PROP(Name, ancestors_are_exactly_the_label_suffixes, ()) {
    const Name a = *any_name();
    const Name b = *any_name();
    const auto labels_a = labels_of(a);
    const auto labels_b = labels_of(b);
    const bool suffix = labels_b.size() <= labels_a.size() &&
                        std::equal(labels_b.rbegin(), labels_b.rend(), labels_a.rbegin());
    RC_ASSERT(a.is_at_or_below(b) == suffix);
    RC_ASSERT(a.is_at_or_below(a.parent()));
    RC_ASSERT(a.label_count() == labels_a.size());
    RC_ASSERT(!a.parent().is_at_or_below(a) || a.is_root());
}

}  // namespace
}  // namespace rota::dns
