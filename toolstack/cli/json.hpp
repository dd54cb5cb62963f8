// Output for machines. Every document is one object with "version": 1; keys are only ever added to version 1.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bus/properties.hpp"

namespace hvctl::cli {

class JsonDocument {
  public:
    JsonDocument();
    ~JsonDocument();
    JsonDocument(JsonDocument&&) noexcept;
    JsonDocument& operator=(JsonDocument&&) noexcept;

    void add(std::string_view key, const Value& value);
    void add(std::string_view key, const Properties& properties);
    void add(std::string_view key, const std::vector<Properties>& list);
    void add(std::string_view key, std::vector<JsonDocument> list);
    // `text` is JSON already; if it is not, it is added as a string.
    void add_json(std::string_view key, std::string_view text);

    // An object without "version", to be put into a list.
    static JsonDocument part();

    // Indented, with a final newline.
    std::string text() const;

  private:
    struct Content;
    std::unique_ptr<Content> content_;
};

// JSON text with our indentation; text that is not JSON comes back as it is.
std::string pretty_json(std::string_view text);

}  // namespace hvctl::cli
