#include "serve/grpc/descriptors.h"

#include <map>
#include <memory>

#include "base/check.h"
#include "base/protobuf.h"
#include "base/text.h"
#include "serve/grpc/schema.h"

namespace hf::serve::grpc {
namespace {

using Writer = protozero::pbf_writer;

// Of FieldDescriptorProto.
constexpr std::int32_t kOptional = 1;
constexpr std::int32_t kRepeated = 3;
constexpr std::int32_t kMessageType = 11;
constexpr std::int32_t kEnumType = 14;

std::int32_t number_of(std::string_view text) {
    const Result<std::int64_t> number = parse_int(text);
    HF_CHECK(number.ok(), "'{}' is no number", text);
    return static_cast<std::int32_t>(*number);
}

// Zero for the name of a message.
std::int32_t scalar_type(std::string_view name) {
    static const std::map<std::string_view, std::int32_t> types{
        {"double", 1}, {"float", 2},  {"int64", 3},  {"uint64", 4}, {"int32", 5},
        {"bool", 8},   {"string", 9}, {"bytes", 12}, {"uint32", 13}};
    const auto at = types.find(name);
    return at == types.end() ? 0 : at->second;
}

// "ModelInferRequest.parameters" has entries "ParametersEntry".
std::string entry_name(std::string_view field) {
    std::string name(field);
    name[0] = static_cast<char>(name[0] - 'a' + 'A');
    return name + "Entry";
}

// A message while its lines come; children in the order of their names.
struct Node {
    std::string fields;  // FieldDescriptorProtos, as they stand in DescriptorProto
    std::vector<std::string> one_ofs;
    std::map<std::string, Node> messages;
    std::map<std::string, std::string> enums;  // EnumDescriptorProtos but for the name
    bool is_entry = false;

    std::string write(const std::string& name) const {
        std::string message;
        Writer writer(message);
        writer.add_string(1, name);
        message += fields;
        for (const auto& [child, node] : messages) writer.add_message(3, node.write(child));
        for (const auto& [child, values] : enums) {
            std::string text;
            Writer(text).add_string(1, child);
            writer.add_message(4, text + values);
        }
        if (is_entry) {
            Writer options(writer, 7);
            options.add_bool(7, true);
        }
        for (const std::string& one_of : one_ofs) {
            Writer entry(writer, 8);
            entry.add_string(1, one_of);
        }
        return message;
    }
};

class Builder {
public:
    void add_line(std::string_view line) {
        std::vector<std::string_view> words;
        for (std::string_view word : split(trim(line), ' ')) {
            if (!word.empty()) words.push_back(word);
        }
        if (words.empty()) return;
        HF_CHECK(words.size() >= 2, "'{}' is no line of a description", line);
        if (words[0] == "file") {
            file_.name = words[1];
            package_ = words[2];
        } else if (words[0] == "message" || words[0] == "enum") {
            begin(words[0] == "enum", words[1]);
        } else if (words[0] == "one-of") {
            message_->one_ofs.emplace_back(words[1]);
            in_one_of_ = true;
        } else if (words[0] == "value") {
            Writer value(*enum_, 2);
            value.add_string(1, std::string(words[1]));
            value.add_int32(2, number_of(words[2]));
        } else if (words[0] == "service") {
            file_.services.push_back(full(words[1]));
            file_.names.insert(full(words[1]));
            services_.emplace_back();
            Writer(services_.back()).add_string(1, std::string(words[1]));
        } else if (words[0] == "rpc") {
            add_method(words);
        } else {
            add_field(words);
        }
    }

    DescribedFile finish() {
        Writer writer(file_.descriptor);
        writer.add_string(1, file_.name);
        writer.add_string(2, package_);
        for (const auto& [name, node] : root_.messages) writer.add_message(4, node.write(name));
        for (const std::string& service : services_) writer.add_message(6, service);
        writer.add_string(12, "proto3");
        return std::move(file_);
    }

private:
    std::string full(std::string_view name) const { return fmt::format("{}.{}", package_, name); }

    void begin(bool is_enum, std::string_view path) {
        file_.names.insert(full(path));
        in_one_of_ = false;
        Node* at = &root_;
        const std::vector<std::string_view> parts = split(path, '.');
        for (std::size_t i = 0; i + 1 < parts.size(); ++i)
            at = &at->messages[std::string(parts[i])];
        const std::string last(parts.back());
        if (is_enum) {
            enum_ = std::make_unique<Writer>(at->enums[last]);
        } else {
            message_ = &at->messages[last];
            path_ = path;
        }
    }

    void add_field(const std::vector<std::string_view>& words) {
        std::string_view type = words[0];
        const std::string name(words[1]);
        const bool repeated = type.ends_with('*');
        if (repeated) type.remove_suffix(1);
        if (type.starts_with("map<")) {
            add_map(type.substr(4, type.size() - 5), name, number_of(words[2]));
            return;
        }
        Field field{name, number_of(words[2]), repeated, type};
        write(*message_, field, in_one_of_);
    }

    struct Field {
        std::string name;
        std::int32_t number;
        bool repeated;
        std::string_view type;
    };

    void write(Node& to, const Field& field, bool in_one_of) const {
        Writer list(to.fields);
        Writer writer(list, 2);
        writer.add_string(1, field.name);
        writer.add_int32(3, field.number);
        writer.add_enum(4, field.repeated ? kRepeated : kOptional);
        constexpr std::string_view kEnum = "enum:";
        const std::int32_t scalar = scalar_type(field.type);
        const bool is_enum = field.type.starts_with(kEnum);
        writer.add_enum(5, scalar != 0 ? scalar : (is_enum ? kEnumType : kMessageType));
        if (scalar == 0) {
            const std::string_view name = field.type.substr(is_enum ? kEnum.size() : 0);
            writer.add_string(6, "." + full(name));
        }
        if (in_one_of) writer.add_int32(9, static_cast<std::int32_t>(to.one_ofs.size()) - 1);
    }

    // In Protocol Buffers a map is many entries of a key and a value.
    void add_map(std::string_view value, const std::string& name, std::int32_t number) {
        Node& entry = message_->messages[entry_name(name)];
        entry.is_entry = true;
        write(entry, {"key", 1, false, "string"}, false);
        write(entry, {"value", 2, false, value}, false);
        const std::string type = path_ + "." + entry_name(name);
        write(*message_, {name, number, true, type}, false);
    }

    void add_method(const std::vector<std::string_view>& words) {
        HF_CHECK(words.size() == 4 && !services_.empty(), "a method has two types");
        file_.names.insert(file_.services.back() + "." + std::string(words[1]));
        Writer service(services_.back());
        Writer method(service, 2);
        method.add_string(1, std::string(words[1]));
        for (std::uint32_t side = 0; side < 2; ++side) {
            std::string_view type = words[2 + side];
            const bool stream = type.ends_with('*');
            if (stream) type.remove_suffix(1);
            method.add_string(2 + side, "." + full(type));
            if (stream) method.add_bool(5 + side, true);
        }
    }

    DescribedFile file_;
    std::string package_;
    Node root_;
    Node* message_ = nullptr;
    std::string path_;  // of it
    bool in_one_of_ = false;
    std::unique_ptr<Writer> enum_;
    std::vector<std::string> services_;
};

}  // namespace

DescribedFile describe(std::string_view text) {
    Builder builder;
    for (std::string_view line : split(text, '\n')) builder.add_line(line);
    return builder.finish();
}

const std::vector<DescribedFile>& described_files() {
    static const std::vector<DescribedFile> files = [] {
        std::vector<DescribedFile> made;
        for (std::string_view text : kSchemas) made.push_back(describe(text));
        // The same service under its older name.
        std::string older(kReflectionSchema);
        for (std::size_t at = older.find("v1"); at != std::string::npos;
             at = older.find("v1", at + 1)) {
            older.replace(at, 2, "v1alpha");
        }
        made.push_back(describe(older));
        return made;
    }();
    return files;
}

}  // namespace hf::serve::grpc
