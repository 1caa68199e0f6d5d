#include "api/kinds.h"

namespace hf::api {

const Kind& service_account_kind() {
    static const Kind kKind{
        "ServiceAccount",
        "serviceaccounts",
        "serviceaccount",
        {"sa"},
        "An identity for programs. Its user name is system:serviceaccount:NAMESPACE:NAME.",
        true,
        {},
        {},
    };
    return kKind;
}

}  // namespace hf::api
