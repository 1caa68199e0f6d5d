// What a fresh store begins with: the roles view, edit and admin in holdfast-system, for
// RoleBindings of every namespace to give away.

#pragma once

#include "resources/resources.h"

namespace hf::resources {

// Makes those that are not there; ones that people changed stay as they are.
Status ensure_builtin_roles(Resources& resources);

}  // namespace hf::resources
