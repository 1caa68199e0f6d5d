#include "node/local_control_plane.h"

#include <atomic>

#include "api/kinds.h"
#include "base/mutex.h"

namespace hf::node {
namespace {

// How long a wait for news lasts before stop() is looked for again, should a wake-up be lost.
constexpr Duration kPatience = std::chrono::seconds(1);

class LocalControlPlane final : public ControlPlane {
public:
    LocalControlPlane(resources::Resources& resources, std::string node,
                      std::function<void(const std::string&)> on_heartbeat)
        : resources_(resources),
          node_(std::move(node)),
          on_heartbeat_(std::move(on_heartbeat)),
          key_{&api::node_kind(), "", node_} {
        options_.who = api::Identity::of_system("node:" + node_);
    }

    Result<api::Object> enlist() override {
        Result<api::Object> made =
            resources_.create(api::Object::make("Node", "", node_), options_);
        if (made.status().code() != Code::kAlreadyExists) return made;
        return resources_.get(key_);
    }

    Status follow(const OnNode& on_node) override {
        resources::WatchOptions options;
        options.selection.fields = HF_TRY(api::FieldSelector::parse("metadata.name=" + node_));
        const std::shared_ptr<resources::ObjectWatch> watch =
            HF_TRY(resources_.watch(api::node_kind(), "", options));
        // What went before the watch began sends no word of it.
        HF_TRY(resources_.get(key_));
        {
            const MutexLock lock(mutex_);
            watch_ = watch;
        }
        while (!stopping_) {
            for (const resources::WatchEvent& event : HF_TRY(watch->next(kPatience))) {
                if (event.type == resources::WatchEvent::Type::kRemoved) {
                    return not_found("node {} is gone", node_);
                }
                HF_TRY(on_node(event.object));
            }
        }
        return cancelled("stopped");
    }

    void stop() override {
        stopping_ = true;
        const MutexLock lock(mutex_);
        if (watch_) watch_->cancel();
    }

    Status publish(const json::Object& status) override {
        const auto change = [&](api::Object& node) -> Status {
            json::Value conditions;
            if (const json::Value* old = json::find(node.status(), "conditions")) conditions = *old;
            json::Object& now = node.edit_status();
            now = status;
            if (!conditions.is_null()) now["conditions"] = std::move(conditions);
            return {};
        };
        return resources_.modify_status(key_, options_, change).status();
    }

    Status tell(const ServiceEvent& event) override {
        const std::size_t slash = event.service.find('/');
        api::Object service = api::Object::make("Service", event.service.substr(0, slash),
                                                event.service.substr(slash + 1));
        service.edit_metadata()["uid"] = event.uid;
        resources::EventNote note;
        note.type = event.warning ? "Warning" : "Normal";
        note.reason = event.reason;
        note.message = event.message;
        note.component = "node";
        note.host = node_;
        return resources_.record_event(service, note);
    }

    Status heartbeat() override {
        if (on_heartbeat_) on_heartbeat_(node_);
        return {};
    }

private:
    resources::Resources& resources_;
    const std::string node_;
    const std::function<void(const std::string&)> on_heartbeat_;
    const resources::ObjectKey key_;
    resources::WriteOptions options_;

    std::atomic<bool> stopping_{false};
    Mutex mutex_;
    std::shared_ptr<resources::ObjectWatch> watch_ HF_GUARDED_BY(mutex_);
};

}  // namespace

std::unique_ptr<ControlPlane> make_local_control_plane(
    resources::Resources& resources, std::string node,
    std::function<void(const std::string&)> on_heartbeat) {
    return std::make_unique<LocalControlPlane>(resources, std::move(node), std::move(on_heartbeat));
}

}  // namespace hf::node
