// The machine's side of the line to its control plane: what node/link.cpp does on its two threads.

#include "sim/machine.h"

namespace hf::sim {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kOldStates = 4;

// As the server's routes for nodes: a node speaks of what it is ordered to run.
Status check_concerns(Server& server, const std::string& node, const std::string& service) {
    const api::Object object = HF_TRY(server.resources().get({&api::node_kind(), "", node}));
    for (const json::Value& order : items_of(object.spec(), "services")) {
        if (fmt::format("{}/{}", json::get_string(order, "namespace"),
                        json::get_string(order, "name")) == service) {
            return {};
        }
    }
    return permission_denied("node {} is not ordered to run {}", node, service);
}

}  // namespace

void Machine::post_within(Duration delay) {
    later(delay, [this, ticket = ++post_ticket_] {
        if (ticket == post_ticket_) post(true);
    });
}

// `due`: what there is, a heartbeat if nothing else.
void Machine::post(bool due) {
    if (!process_ || process_->sending) return;
    node::Mail& mail = process_->mail;
    if (!mail.ready() && !(due && mail.enlisted())) {
        if (due) post_within(mail.patience());
        return;
    }
    ++post_ticket_;
    process_->sending = true;
    const auto outgoing =
        std::make_shared<node::Mail::Outgoing>(mail.take(now(), context_.time.monotonic()));
    if (died()) return;
    checks_.account(mail.account());
    network_.call(
        place_.name, [this, outgoing] { return deliver(*outgoing); },
        [this, life = life_, outgoing](const Status& sent) {
            if (process_ && life == life_) settle(outgoing, sent);
        });
}

Status Machine::deliver(const node::Mail::Outgoing& outgoing) {
    if (outgoing.event && context_.plant == Plant::kOutbox && server_.is_up() &&
        context_.dice.chance(1, 16)) {
        return {};
    }
    const Status done = server_.send(place_.name, [&](node::ControlPlane& plane) -> Status {
        if (outgoing.event) {
            HF_TRY(check_concerns(server_, place_.name, outgoing.event->service));
        }
        return node::send(plane, outgoing);
    });
    if (outgoing.event && done.ok()) checks_.delivered(outgoing.sequence);
    if (outgoing.status && done.ok()) {
        server_.rollout_checks().told(place_.name, *outgoing.status);
    }
    return done;
}

void Machine::settle(const std::shared_ptr<node::Mail::Outgoing>& outgoing, const Status& sent) {
    process_->sending = false;
    if (outgoing->event) {
        if (sent.ok()) checks_.acknowledged(outgoing->sequence);
        // Nobody will ever want to hear it.
        const bool refused = sent.code() == Code::kPermissionDenied ||
                             sent.code() == Code::kNotFound ||
                             sent.code() == Code::kInvalidArgument;
        if (refused) checks_.refused(outgoing->sequence);
    }
    process_->mail.settle(*outgoing, sent);
    if (died()) return;
    checks_.account(process_->mail.account());
    post_within(process_->mail.patience());
    post(false);
}

void Machine::connect() {
    const auto known = std::make_shared<Status>();
    network_.call(
        place_.name, [this] { return server_.enlist(place_.name).status(); },
        [this, life = life_](const Status& enlisted) {
            if (!process_ || life != life_) return;
            if (!enlisted.ok()) return lose_stream(enlisted);
            process_->mail.reached();
            post(false);
            watch();
        });
}

void Machine::watch() {
    const std::uint64_t stream = ++last_stream_;
    process_->stream = stream;
    arrives_ = context_.time.monotonic();
    const auto on_node = [this, life = life_, stream](const api::Object* node) {
        const auto copy = node ? std::make_shared<api::Object>(*node) : nullptr;
        arrives_ = std::max(arrives_, context_.time.monotonic() + network_.latency());
        context_.time.after(arrives_ - context_.time.monotonic(), [this, life, stream, copy] {
            if (!process_ || life != life_ || process_->stream != stream) return;
            news(copy.get());
        });
    };
    network_.call(
        place_.name,
        [this, on_node, stream] {
            // A request that comes twice opens no second stream.
            if (last_stream_ != stream) return cancelled("late");
            return server_.follow(place_.name, on_node);
        },
        [this, life = life_, stream](const Status& followed) {
            if (!process_ || life != life_ || process_->stream != stream) return;
            if (!followed.ok()) lose_stream(followed);
        });
}

void Machine::news(const api::Object* node) {
    if (!node) return lose_stream(not_found("the Node is gone"));
    process_->watch_failures = 0;
    refuses_orders_ = false;
    old_.push_back(*node);
    if (old_.size() > kOldStates) old_.pop_front();
    process_->input.node = *node;
    // What a server says that lags behind, or a proxy that kept it.
    if (context_.dice.strikes(Fault::kOldNews, 1, 60)) process_->input.node = old_.front();
    think_within(1ms);
}

void Machine::lose_stream(const Status& why) {
    process_->stream = 0;
    server_.unfollow(place_.name);
    context_.trace.note("{} loses its stream: {}", place_.name, why.message());
    later(node::link_pause(++process_->watch_failures, process_->watch_rng), [this] {
        if (process_->stream == 0) connect();
    });
}

void Machine::disconnect() {
    server_.unfollow(place_.name);
    if (!process_ || process_->stream == 0) return;
    later(context_.dice.between(10ms, 5s), [this, stream = process_->stream] {
        if (process_->stream == stream) lose_stream(unavailable("the connection broke"));
    });
}

}  // namespace hf::sim
