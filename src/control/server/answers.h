// Answers of the resource API: metav1.Status for every failure, objects, lists and tables in the
// form that the Accept header asks for. Pure functions over HTTP values.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/table.h"
#include "base/time.h"
#include "http/message.h"
#include "resources/resources.h"

namespace hf::control {

// What a failure is about: metav1.StatusDetails.
struct About {
    std::string group;
    std::string kind;  // plural
    std::string name;
    std::string uid;
};

// metav1.Status. With causes, INVALID_ARGUMENT is 422 Invalid, else 400 BadRequest.
json::Value status_object(const Status& status, const About& about,
                          const std::vector<api::Cause>& causes = {});
http::Response failure(const Status& status, const About& about = {},
                       const std::vector<api::Cause>& causes = {});

// A failure that only HTTP has: 405 MethodNotAllowed, 406 NotAcceptable, 415 UnsupportedMediaType.
http::Response http_failure(int code, std::string_view message);

// metav1.Status of a removal that is done.
http::Response success(const About& about);

http::Response json_answer(int code, const json::Value& value);

// How objects are to be shown.
struct Form {
    enum class Shape : unsigned char { kObject, kTable, kPartialMetadata };
    Shape shape = Shape::kObject;
    std::string version = "v1";  // of meta.k8s.io
    api::IncludeObject include = api::IncludeObject::kMetadata;
};

// From Accept and the query parameter includeObject; the first entry that can be given wins.
// UNIMPLEMENTED when none can.
Result<Form> parse_form(const http::Request& request);

// One object in that form.
json::Value shaped(const Form& form, const api::Kind& kind, api::Object object, Instant now);

json::Value shaped_list(const Form& form, const api::Kind& kind, const resources::ObjectList& list,
                        Instant now);

}  // namespace hf::control
