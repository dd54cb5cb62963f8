#include "json.hpp"

#include <nlohmann/json.hpp>

namespace hvctl::cli {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const Value& value) {
    return std::visit([](const auto& content) { return Json(content); }, value);
}

Json json_of(const Properties& properties) {
    Json object = Json::object();
    for (const auto& [key, value] : properties) object[key] = json_of(value);
    return object;
}

std::string dump(const Json& json) {
    return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

struct JsonDocument::Content {
    Json object = Json::object();
};

JsonDocument::JsonDocument() : content_(std::make_unique<Content>()) {
    content_->object["version"] = 1;
}
JsonDocument::~JsonDocument() = default;
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;

JsonDocument JsonDocument::part() {
    JsonDocument document;
    document.content_->object.erase("version");
    return document;
}

void JsonDocument::add(std::string_view key, const Value& value) {
    content_->object[std::string(key)] = json_of(value);
}

void JsonDocument::add(std::string_view key, const Properties& properties) {
    content_->object[std::string(key)] = json_of(properties);
}

void JsonDocument::add(std::string_view key, const std::vector<Properties>& list) {
    Json& array = content_->object[std::string(key)] = Json::array();
    for (const Properties& properties : list) array.push_back(json_of(properties));
}

void JsonDocument::add(std::string_view key, std::vector<JsonDocument> list) {
    Json& array = content_->object[std::string(key)] = Json::array();
    for (JsonDocument& document : list) array.push_back(std::move(document.content_->object));
}

void JsonDocument::add_json(std::string_view key, std::string_view text) {
    Json parsed = Json::parse(text, nullptr, false);
    content_->object[std::string(key)] = parsed.is_discarded() ? Json(std::string(text)) : parsed;
}

std::string JsonDocument::text() const {
    return dump(content_->object) + '\n';
}

std::string pretty_json(std::string_view text) {
    Json parsed = Json::parse(text, nullptr, false);
    return parsed.is_discarded() ? std::string(text) : dump(parsed);
}

}  // namespace hvctl::cli
