// Our names for the wire protocol against the public header that clients are compiled with.
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>

extern "C" {
#include <xen/io/xs_wire.h>
}

#include "store/error.hpp"
#include "store/message.hpp"
#include "store/ring_page.hpp"

namespace hvctld::store::test {
namespace {

static_assert(sizeof(MessageHeader) == sizeof(xsd_sockmsg));
static_assert(offsetof(MessageHeader, length) == offsetof(xsd_sockmsg, len));
static_assert(offsetof(MessageHeader, transaction) == offsetof(xsd_sockmsg, tx_id));
static_assert(sizeof(RingPage) == sizeof(xenstore_domain_interface));
static_assert(offsetof(RingPage, responses) == offsetof(xenstore_domain_interface, rsp));
static_assert(offsetof(RingPage, request_consumer) == offsetof(xenstore_domain_interface, req_cons));
static_assert(offsetof(RingPage, request_producer) == offsetof(xenstore_domain_interface, req_prod));
static_assert(offsetof(RingPage, response_consumer) == offsetof(xenstore_domain_interface, rsp_cons));
static_assert(offsetof(RingPage, response_producer) == offsetof(xenstore_domain_interface, rsp_prod));
static_assert(offsetof(RingPage, server_features) == offsetof(xenstore_domain_interface, server_features));
static_assert(offsetof(RingPage, connection) == offsetof(xenstore_domain_interface, connection));
static_assert(offsetof(RingPage, error) == offsetof(xenstore_domain_interface, error));
static_assert(kRingSize == XENSTORE_RING_SIZE && kMaxPayload == XENSTORE_PAYLOAD_MAX);
static_assert(kMaxAbsolutePath == XENSTORE_ABS_PATH_MAX && kMaxRelativePath == XENSTORE_REL_PATH_MAX);
static_assert(kServerFeatureReconnect == XENSTORE_SERVER_FEATURE_RECONNECTION);
static_assert(kServerFeatureError == XENSTORE_SERVER_FEATURE_ERROR);
static_assert(static_cast<unsigned>(RingConnection::Reconnect) == XENSTORE_RECONNECT);
static_assert(static_cast<unsigned>(RingError::Indexes) == XENSTORE_ERROR_RINGIDX);
static_assert(static_cast<unsigned>(RingError::Protocol) == XENSTORE_ERROR_PROTO);
static_assert(static_cast<unsigned>(RingError::Communication) == XENSTORE_ERROR_COMM);

TEST(WireAbi, MessageNumbers) {
    const std::pair<MessageType, xsd_sockmsg_type> pairs[] = {
        {MessageType::Control, XS_CONTROL},
        {MessageType::Directory, XS_DIRECTORY},
        {MessageType::Read, XS_READ},
        {MessageType::GetPermissions, XS_GET_PERMS},
        {MessageType::Watch, XS_WATCH},
        {MessageType::Unwatch, XS_UNWATCH},
        {MessageType::TransactionStart, XS_TRANSACTION_START},
        {MessageType::TransactionEnd, XS_TRANSACTION_END},
        {MessageType::Introduce, XS_INTRODUCE},
        {MessageType::Release, XS_RELEASE},
        {MessageType::GetDomainPath, XS_GET_DOMAIN_PATH},
        {MessageType::Write, XS_WRITE},
        {MessageType::MakeDirectory, XS_MKDIR},
        {MessageType::Remove, XS_RM},
        {MessageType::SetPermissions, XS_SET_PERMS},
        {MessageType::WatchEvent, XS_WATCH_EVENT},
        {MessageType::Error, XS_ERROR},
        {MessageType::IsDomainIntroduced, XS_IS_DOMAIN_INTRODUCED},
        {MessageType::Resume, XS_RESUME},
        {MessageType::SetTarget, XS_SET_TARGET},
        {MessageType::ResetWatches, XS_RESET_WATCHES},
        {MessageType::DirectoryPart, XS_DIRECTORY_PART}};
    for (const auto& [ours, theirs] : pairs) EXPECT_EQ(static_cast<unsigned>(ours), static_cast<unsigned>(theirs));
    EXPECT_EQ(std::size(pairs), XS_TYPE_COUNT - 1u);  // one number is not in use
}

TEST(WireAbi, EveryErrorHasANameThatClientsKnow) {
    for (auto error = Error::BadArgument; error <= Error::NotOwner;
         error = static_cast<Error>(static_cast<int>(error) + 1)) {
        bool known = false;
        for (const auto& entry : ::xsd_errors) known |= wire_name(error) == entry.errstring;
        EXPECT_TRUE(known) << wire_name(error);
    }
}

}  // namespace
}  // namespace hvctld::store::test
