#include "tests/unit/abi/conformance.hpp"

extern "C" {
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>
}

#include "hv/abi/xen/console.hpp"
#include "hv/abi/xen/xs_wire.hpp"

namespace our = hv::abi::xen;

TEST(XenConsole, All) {
    EXPECT_SAME_VALUE(our::ConsoleCommand::Write, CONSOLEIO_write);
    EXPECT_SAME_VALUE(our::ConsoleCommand::Read, CONSOLEIO_read);
    EXPECT_SAME_SIZE(our::ConsoleRing, xencons_interface);
    EXPECT_SAME_OFFSET(our::ConsoleRing, in, xencons_interface, in);
    EXPECT_SAME_OFFSET(our::ConsoleRing, out, xencons_interface, out);
    EXPECT_SAME_OFFSET(our::ConsoleRing, in_cons, xencons_interface, in_cons);
    EXPECT_SAME_OFFSET(our::ConsoleRing, in_prod, xencons_interface, in_prod);
    EXPECT_SAME_OFFSET(our::ConsoleRing, out_cons, xencons_interface, out_cons);
    EXPECT_SAME_OFFSET(our::ConsoleRing, out_prod, xencons_interface, out_prod);
}

TEST(XenStoreWire, All) {
    EXPECT_SAME_VALUE(our::XsMessageType::Control, XS_CONTROL);
    EXPECT_SAME_VALUE(our::XsMessageType::Directory, XS_DIRECTORY);
    EXPECT_SAME_VALUE(our::XsMessageType::Read, XS_READ);
    EXPECT_SAME_VALUE(our::XsMessageType::GetPerms, XS_GET_PERMS);
    EXPECT_SAME_VALUE(our::XsMessageType::Watch, XS_WATCH);
    EXPECT_SAME_VALUE(our::XsMessageType::Unwatch, XS_UNWATCH);
    EXPECT_SAME_VALUE(our::XsMessageType::TransactionStart, XS_TRANSACTION_START);
    EXPECT_SAME_VALUE(our::XsMessageType::TransactionEnd, XS_TRANSACTION_END);
    EXPECT_SAME_VALUE(our::XsMessageType::Introduce, XS_INTRODUCE);
    EXPECT_SAME_VALUE(our::XsMessageType::Release, XS_RELEASE);
    EXPECT_SAME_VALUE(our::XsMessageType::GetDomainPath, XS_GET_DOMAIN_PATH);
    EXPECT_SAME_VALUE(our::XsMessageType::Write, XS_WRITE);
    EXPECT_SAME_VALUE(our::XsMessageType::Mkdir, XS_MKDIR);
    EXPECT_SAME_VALUE(our::XsMessageType::Rm, XS_RM);
    EXPECT_SAME_VALUE(our::XsMessageType::SetPerms, XS_SET_PERMS);
    EXPECT_SAME_VALUE(our::XsMessageType::WatchEvent, XS_WATCH_EVENT);
    EXPECT_SAME_VALUE(our::XsMessageType::Error, XS_ERROR);
    EXPECT_SAME_VALUE(our::XsMessageType::IsDomainIntroduced, XS_IS_DOMAIN_INTRODUCED);
    EXPECT_SAME_VALUE(our::XsMessageType::Resume, XS_RESUME);
    EXPECT_SAME_VALUE(our::XsMessageType::SetTarget, XS_SET_TARGET);
    EXPECT_SAME_VALUE(our::XsMessageType::ResetWatches, XS_RESET_WATCHES);
    EXPECT_SAME_VALUE(our::XsMessageType::DirectoryPart, XS_DIRECTORY_PART);
    EXPECT_SAME_VALUE(our::XsMessageType::Invalid, XS_INVALID);
    EXPECT_SAME_SIZE(our::XsMessageHeader, xsd_sockmsg);
    EXPECT_SAME_OFFSET(our::XsMessageHeader, type, xsd_sockmsg, type);
    EXPECT_SAME_OFFSET(our::XsMessageHeader, request_id, xsd_sockmsg, req_id);
    EXPECT_SAME_OFFSET(our::XsMessageHeader, transaction_id, xsd_sockmsg, tx_id);
    EXPECT_SAME_OFFSET(our::XsMessageHeader, length, xsd_sockmsg, len);
    EXPECT_SAME_SIZE(our::XsRing, xenstore_domain_interface);
    EXPECT_SAME_OFFSET(our::XsRing, request, xenstore_domain_interface, req);
    EXPECT_SAME_OFFSET(our::XsRing, response, xenstore_domain_interface, rsp);
    EXPECT_SAME_OFFSET(our::XsRing, request_cons, xenstore_domain_interface, req_cons);
    EXPECT_SAME_OFFSET(our::XsRing, request_prod, xenstore_domain_interface, req_prod);
    EXPECT_SAME_OFFSET(our::XsRing, response_cons, xenstore_domain_interface, rsp_cons);
    EXPECT_SAME_OFFSET(our::XsRing, response_prod, xenstore_domain_interface, rsp_prod);
    EXPECT_SAME_OFFSET(our::XsRing, server_features, xenstore_domain_interface, server_features);
    EXPECT_SAME_OFFSET(our::XsRing, connection, xenstore_domain_interface, connection);
    EXPECT_SAME_OFFSET(our::XsRing, error, xenstore_domain_interface, error);
    EXPECT_SAME_VALUE(our::kXsTypeCount, XS_TYPE_COUNT);
    EXPECT_SAME_VALUE(our::kXsPayloadMax, XENSTORE_PAYLOAD_MAX);
    EXPECT_SAME_VALUE(our::kXsAbsolutePathMax, XENSTORE_ABS_PATH_MAX);
    EXPECT_SAME_VALUE(our::kXsRelativePathMax, XENSTORE_REL_PATH_MAX);
    EXPECT_SAME_VALUE(our::kXsRingSize, XENSTORE_RING_SIZE);
    EXPECT_SAME_VALUE(our::kXsFeatureReconnection, XENSTORE_SERVER_FEATURE_RECONNECTION);
    EXPECT_SAME_VALUE(our::kXsFeatureError, XENSTORE_SERVER_FEATURE_ERROR);
    EXPECT_SAME_VALUE(our::XsConnection::Connected, XENSTORE_CONNECTED);
    EXPECT_SAME_VALUE(our::XsConnection::Reconnect, XENSTORE_RECONNECT);
    EXPECT_SAME_VALUE(our::XsRingError::None, XENSTORE_ERROR_NONE);
    EXPECT_SAME_VALUE(our::XsRingError::Communication, XENSTORE_ERROR_COMM);
    EXPECT_SAME_VALUE(our::XsRingError::RingIndex, XENSTORE_ERROR_RINGIDX);
    EXPECT_SAME_VALUE(our::XsRingError::Protocol, XENSTORE_ERROR_PROTO);
}
