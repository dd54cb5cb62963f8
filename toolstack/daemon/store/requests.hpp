// Requests of the wire protocol: from a message to its reply.
#pragma once

#include "store/client.hpp"
#include "store/message.hpp"

namespace hvctld::store {

class Engine;

// Carries out one request and queues its reply. Call it inside an Engine::Step.
void handle_request(Engine& engine, WireClient& client, const Request& request);

}  // namespace hvctld::store
