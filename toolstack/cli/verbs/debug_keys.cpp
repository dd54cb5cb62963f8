#include "verbs/verbs.hpp"

namespace hvctl::cli {
namespace {

constexpr std::size_t kMaxKeys = 64;

}  // namespace

void add_debug_keys(App& app, Context& context) {
    auto keys = std::make_shared<std::string>();
    Verb& verb = app.verb("debug-keys", Topic::Host, "let hv dump its state into its log");
    verb.description =
        "Runs hv's handlers for these keys, as if they had been typed on its serial console. The key h lists "
        "them all. What they print is read with 'hvctl dmesg'.";
    verb.examples = "hvctl debug-keys h && hvctl dmesg";
    verb.positional("KEYS", Complete::Nothing, *keys, "one key after the other, without spaces");
    verb.run = [keys, &context]() -> Result<void> {
        if (keys->empty() || keys->size() > kMaxKeys) {
            return fail(ExitCode::Usage, "debug-keys: give 1 to " + std::to_string(kMaxKeys) + " keys");
        }
        for (char key : *keys) {
            if (key <= ' ' || key > '~')
                return fail(ExitCode::Usage, "debug-keys: keys are printable ASCII characters");
        }
        return TRY(context.manager())->send_debug_keys(*keys);
    };
}

}  // namespace hvctl::cli
