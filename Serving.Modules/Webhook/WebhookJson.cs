using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace Serving.Webhook;

[JsonSerializable(typeof(JsonArray))]
[JsonSerializable(typeof(JsonObject))]
internal sealed partial class WebhookJson : JsonSerializerContext;
