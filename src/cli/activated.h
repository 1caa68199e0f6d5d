// Who answers for what a machine has activated (node/model_host.h): a model with what lies beside
// it in its artifact, or the artifact's ensemble.
//
// An ensemble's artifact holds its declaration, the models that it names and what lies beside them
// (serve/ensemble/contents.h), so that its digest is the version of them all. Its members are in
// nobody's table of models: nothing but the ensemble asks them.
//
// Thread-safety: any thread; the world of what is made is the clock, which outlives it.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "node/model_host.h"
#include "node/steps.h"
#include "serve/ensemble/contents.h"
#include "serve/model_host.h"

namespace hf::cli {

// As serve::ensemble::parts_of(), of the ensemble that the file `entry` declares.
Result<std::vector<serve::ensemble::Part>> parts_in(const vault::OpenModel& files,
                                                    const std::string& entry);

// As node::MembersOf.
Result<std::vector<node::Member>> members_in(const vault::OpenModel& files,
                                             const std::string& entry);

// INVALID_ARGUMENT with the file and the place in it where something does not fit its model. What
// it says of an ensemble's members is of what `identity` has of the artifact.
Result<std::shared_ptr<serve::ModelHost>> make_activated_host(serve::ModelHost::Identity identity,
                                                              const node::Activation& activation,
                                                              env::Clock& clock);

}  // namespace hf::cli
