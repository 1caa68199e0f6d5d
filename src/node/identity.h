// Identity: who this machine is to its server: a key that never leaves it, and the certificate
// (X.509-SVID) that the server gave for it. It comes to be by join() with a token, once, and is
// renewed by itself from then on. It lies in one folder:
//
//     server.json     the servers' addresses, the node's name, and whole copies of what the next
//                     two files hold: the one file that counts, so a change happens at once or not
//     svid.pem        the certificate with its chain, for other programs
//     bundle.pem      the root that the server's certificate and this one come from, the same
//     key.pem         the key (owner only); made at the first join and kept
//     key.next.pem    a new key on its way to take the place of key.pem
//
// A crash, a full disk or a lost answer at any point leaves the old identity or the new one, whole;
// a join that is tried again uses the same key, so that its token is still good. An identity that
// ended while the machine was off is kept: the server renews it for 30 days; after that, or after a
// revocation, it takes a new token (docs/reference/enrolment.md).
//
// Thread-safety: all methods from any thread; renew() takes as long as the server does. Between
// processes a lock on the folder keeps changes apart. Errors: what http::Client says of transport;
// a refusal by the server comes with its reason first, "node-revoked: ...".

#pragma once

#include <memory>
#include <string>

#include "base/mutex.h"
#include "crypto/svid.h"
#include "env/clock.h"
#include "env/files.h"
#include "http/client.h"
#include "node/servers.h"

namespace hf::node {

struct IdentityWorld {
    env::Files& files;
    env::Clock& clock;
};

struct JoinOptions {
    std::string url;    // "https://server:8443", or several, as parse_servers() reads them
    std::string token;  // hfj....
    std::string name;   // of the node
    std::string folder;
    bool new_key = false;  // leave the old key behind: after a revocation
};

class Identity final {
    struct Private {
        explicit Private() = default;
    };

public:
    // What is kept, checked: the certificate is for the key and leads to the root.
    struct Kept {
        std::vector<std::string> urls;
        std::string node, site;
        std::string chain_pem, bundle_pem;
        crypto::PrivateKey key;
        crypto::Svid svid;
    };

    // Believes the server whose authority the token names. INVALID_ARGUMENT for a token, a name or
    // an address that cannot be, before anything is sent.
    static Result<std::unique_ptr<Identity>> join(IdentityWorld world, const JoinOptions& options);

    // NOT_FOUND when this machine has not joined; DATA_LOSS names the file that is damaged.
    static Result<std::unique_ptr<Identity>> open(IdentityWorld world, const std::string& folder);

    Identity(Private, IdentityWorld world, std::string folder, Kept kept);

    // Which servers there are from now on, also after a restart.
    Status keep_servers(std::vector<std::string> urls);

    // A new certificate for the same key, of the first server that answers. Clients made before go
    // on for a few minutes; make new ones.
    Status renew();

    // When to renew: at half of the certificate's life, a tenth of that earlier or later so that
    // machines that joined together do not come together; `now` when that has passed.
    Instant next_renewal(Instant now) const;

    // When the certificate began: a moment that has passed.
    Instant began() const;

    enum class Standing : unsigned char { kGood, kExpired };
    Standing standing(Instant now) const;

    // TLS 1.3, with this certificate, and only to servers of this root.
    http::ClientOptions client_options() const;

    std::string root_pem() const;  // what servers and other machines' certificates come from
    Servers& servers() { return servers_; }
    std::string url() const { return servers_.current(); }  // whose turn it is
    std::string node() const;
    std::string site() const;  // may be empty
    std::string trust_domain() const;
    std::string serial() const;  // of the certificate: another after each renewal

private:
    const IdentityWorld world_;
    const std::string folder_;
    Servers servers_;
    mutable Mutex mutex_;
    Kept kept_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::node
