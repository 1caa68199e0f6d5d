#include "api/kinds.h"

namespace hf::api {

const Kind& role_binding_kind() {
    static const Kind kKind{
        "RoleBinding",
        "rolebindings",
        "rolebinding",
        {},
        "Gives the rules of a Role to users, groups and service accounts.",
        true,
        {object(
             "roleRef", "The Role that is given: of this namespace, or of holdfast-system.",
             {text("apiGroup", "Always holdfast.dev.")
                  .choices({std::string(kGroup)})
                  .otherwise(json::Value(kGroup)),
              text("kind", "Always Role.").choices({"Role"}).otherwise("Role"),
              text("name", "The Role's name.").needed().as(Format::kName),
              text("namespace", "Where the Role is; unless given, here.").as(Format::kNamespace)})
             .needed()
             .fixed(),
         list("subjects", "To whom it is given.",
              object("", "A user, a group or a service account.",
                     {text("apiGroup", "Ignored; for compatibility."),
                      text("kind", "What the name names.")
                          .needed()
                          .choices({"User", "Group", "ServiceAccount"}),
                      text("name", "Its name.").needed().between(1, kMaxTextBytes),
                      text("namespace", "Of a ServiceAccount; unless given, here.")
                          .as(Format::kNamespace)}))},
        {{"Role", "roleRef.name", "The Role that is given."}},
    };
    return kKind;
}

}  // namespace hf::api
