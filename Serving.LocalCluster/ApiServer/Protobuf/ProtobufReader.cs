using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;
using Serving.LocalCluster.ApiServer.Schemas;

namespace Serving.LocalCluster.ApiServer.Protobuf;

/// <summary>Reads bodies that kubectl always sends as protobuf: an envelope around an object, decoded by the field numbers of its
/// type.</summary>
internal static class ProtobufReader
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private static readonly Dictionary<string, string> Types = new(StringComparer.Ordinal)
    {
        ["v1/Namespace"] = "core.v1.Namespace",
        ["v1/ConfigMap"] = "core.v1.ConfigMap",
        ["v1/Secret"] = "core.v1.Secret",
        ["v1/ServiceAccount"] = "core.v1.ServiceAccount",
        ["v1/Pod"] = "core.v1.Pod",
        ["v1/Service"] = "core.v1.Service",
        ["v1/Binding"] = "core.v1.Binding",
        ["apps/v1/Deployment"] = "apps.v1.Deployment",
        ["apps/v1/ReplicaSet"] = "apps.v1.ReplicaSet",
        ["batch/v1/Job"] = "batch.v1.Job",
        ["batch/v1/CronJob"] = "batch.v1.CronJob",
        ["autoscaling/v1/HorizontalPodAutoscaler"] = "autoscaling.v1.HorizontalPodAutoscaler",
        ["autoscaling/v2/HorizontalPodAutoscaler"] = "autoscaling.v2.HorizontalPodAutoscaler",
        ["v1/ResourceQuota"] = "core.v1.ResourceQuota",
        ["networking.k8s.io/v1/Ingress"] = "networking.v1.Ingress",
        ["policy/v1/PodDisruptionBudget"] = "policy.v1.PodDisruptionBudget",
        ["scheduling.k8s.io/v1/PriorityClass"] = "scheduling.v1.PriorityClass",
        ["coordination.k8s.io/v1/Lease"] = "coordination.v1.Lease",
        ["authentication.k8s.io/v1/TokenRequest"] = "authentication.v1.TokenRequest",
        ["authorization.k8s.io/v1/SelfSubjectAccessReview"] = "authorization.v1.SelfSubjectAccessReview",
        ["authorization.k8s.io/v1/SelfSubjectRulesReview"] = "authorization.v1.SelfSubjectRulesReview",
        ["authorization.k8s.io/v1/SubjectAccessReview"] = "authorization.v1.SubjectAccessReview",
        ["authorization.k8s.io/v1/LocalSubjectAccessReview"] = "authorization.v1.LocalSubjectAccessReview",
        ["authentication.k8s.io/v1/SelfSubjectReview"] = "authentication.v1.SelfSubjectReview",
        ["authentication.k8s.io/v1/TokenReview"] = "authentication.v1.TokenReview",
        ["rbac.authorization.k8s.io/v1/Role"] = "rbac.v1.Role",
        ["rbac.authorization.k8s.io/v1/RoleBinding"] = "rbac.v1.RoleBinding",
        ["rbac.authorization.k8s.io/v1/ClusterRole"] = "rbac.v1.ClusterRole",
        ["rbac.authorization.k8s.io/v1/ClusterRoleBinding"] = "rbac.v1.ClusterRoleBinding",
        ["policy/v1/Eviction"] = "policy.v1.Eviction",
        ["v1/DeleteOptions"] = "meta.v1.DeleteOptions",
        ["meta.k8s.io/v1/DeleteOptions"] = "meta.v1.DeleteOptions",
    };

    // Fields that Go writes even when they are unset; for them zero means unset.
    private static readonly HashSet<string> PlainFields = new(StringComparer.Ordinal)
    {
        "generation",
        "observedGeneration",
        "minReadySeconds",
        "paused",
        "stdin",
        "stdinOnce",
        "tty",
        "hostNetwork",
        "hostPID",
        "hostIPC",
        "hostPort",
        "readOnly",
        "number",
        "initialDelaySeconds",
        "timeoutSeconds",
        "periodSeconds",
        "successThreshold",
        "failureThreshold",
    };

    /// <summary>Reads the object in an envelope.</summary>
    /// <exception cref="ApiException">415: the type is not supported; 400: it is malformed.</exception>
    public static JsonObject Read(ReadOnlySpan<byte> body)
    {
        if (!body.StartsWith("k8s\0"u8))
            throw ApiException.BadRequest("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
        try
        {
            var (apiVersion, kind) = ("", "");
            ReadOnlySpan<byte> raw = default;
            var fields = new WireReader(body[4..]);
            while (fields.Next(out var number, out var field))
            {
                if (number == 1)
                {
                    var type = new WireReader(field.Bytes);
                    while (type.Next(out var part, out var text))
                    {
                        if (part == 1)
                            apiVersion = Strict.GetString(text.Bytes);
                        else if (part == 2)
                            kind = Strict.GetString(text.Bytes);
                    }
                }
                else if (number == 2)
                {
                    raw = field.Bytes;
                }
            }

            if (!Types.TryGetValue($"{apiVersion}/{kind}", out var name))
                throw ApiException.UnsupportedMediaType($"protobuf is not accepted for {kind} in {apiVersion}; send application/json");
            var document = new JsonObject { ["apiVersion"] = apiVersion, ["kind"] = kind };
            Message(raw, BuiltInSchemas.Instance[name], document, 0);
            return document;
        }
        catch (Exception exception)
            when (exception is ArgumentOutOfRangeException or IndexOutOfRangeException or OverflowException or InvalidDataException)
        {
            throw ApiException.BadRequest($"the protobuf body is malformed: {exception.Message}");
        }
    }

    private static void Message(ReadOnlySpan<byte> bytes, Schema type, JsonObject into, int depth)
    {
        if (depth > Json.MaxDepth)
            throw new InvalidDataException("nested too deeply");
        var fields = new WireReader(bytes);
        while (fields.Next(out var number, out var field))
        {
            if (!type.Numbers.TryGetValue(number, out var known))
                continue;
            if (known.Inline)
                Message(field.Bytes, known.Schema, into, depth + 1);
            else if (known.Schema.Type == SchemaType.Array)
                Item(into, known, field, depth);
            else if (known.Schema is { Type: SchemaType.Object, Values: { } values })
                Entry(into.Child(known.Name), values, field.Bytes, depth);
            else if (
                !(field.Number == 0 && field.Bytes.IsEmpty && PlainFields.Contains(known.Name))
                && Value(known.Schema, field, depth) is { } value
            )
                into[known.Name] = value;
        }
    }

    private static void Item(JsonObject into, ProtobufField known, WireField field, int depth)
    {
        if (into[known.Name] is not JsonArray list)
            into[known.Name] = list = [];
        list.Add(Value(known.Schema.Items!, field, depth));
    }

    private static void Entry(JsonObject map, Schema values, ReadOnlySpan<byte> bytes, int depth)
    {
        var key = "";
        JsonNode? value = values.Type == SchemaType.String ? "" : null;
        var parts = new WireReader(bytes);
        while (parts.Next(out var number, out var field))
        {
            if (number == 1)
                key = Strict.GetString(field.Bytes);
            else if (number == 2)
                value = Value(values, field, depth);
        }

        map[key] = value;
    }

    // Go also writes empty strings and zeros: in the API's types an empty string means unset.
    private static JsonNode? Value(Schema schema, WireField field, int depth)
    {
        switch (schema.Type)
        {
            case SchemaType.String when schema.Format == "byte":
                return Convert.ToBase64String(field.Bytes);
            case SchemaType.String when schema.Format == "date-time":
                return Time(field.Bytes);
            case SchemaType.String:
                return field.Bytes.IsEmpty ? null : Strict.GetString(field.Bytes);
            case SchemaType.Boolean:
                return field.Number != 0;
            case SchemaType.Integer:
                return schema.Format == "int32" ? (int)field.Number : (long)field.Number;
            case SchemaType.Number:
                return BitConverter.UInt64BitsToDouble(field.Number);
            case SchemaType.IntOrString when schema.Format == "quantity":
                return Quantity(field.Bytes);
            case SchemaType.IntOrString:
                return IntOrString(field.Bytes);
            case SchemaType.Any:
                return null;
            default:
                var map = new JsonObject();
                Message(field.Bytes, schema, map, depth + 1);
                return map.Count == 0 && schema.TypeName is "meta.v1.ObjectMeta" ? null : map;
        }
    }

    private static JsonValue? Time(ReadOnlySpan<byte> bytes)
    {
        var seconds = 0L;
        var fields = new WireReader(bytes);
        while (fields.Next(out var number, out var field))
        {
            if (number == 1)
                seconds = (long)field.Number;
        }

        // The zero time of Go means unset.
        return bytes.IsEmpty || seconds < 0 ? null : JsonValue.Create(Json.Time(DateTimeOffset.FromUnixTimeSeconds(seconds)));
    }

    private static JsonValue? Quantity(ReadOnlySpan<byte> bytes)
    {
        var fields = new WireReader(bytes);
        return fields.Next(out _, out var field) ? JsonValue.Create(Strict.GetString(field.Bytes)) : null;
    }

    private static JsonValue IntOrString(ReadOnlySpan<byte> bytes)
    {
        var (kind, number, text) = (0UL, 0UL, "");
        var fields = new WireReader(bytes);
        while (fields.Next(out var part, out var field))
        {
            if (part == 1)
                kind = field.Number;
            else if (part == 2)
                number = field.Number;
            else if (part == 3)
                text = Strict.GetString(field.Bytes);
        }

        return kind == 0 ? JsonValue.Create((int)number) : JsonValue.Create(text);
    }

    private readonly ref struct WireField(ulong number, ReadOnlySpan<byte> bytes)
    {
        public ulong Number { get; } = number;

        public ReadOnlySpan<byte> Bytes { get; } = bytes;
    }

    private ref struct WireReader(ReadOnlySpan<byte> rest)
    {
        private ReadOnlySpan<byte> _rest = rest;

        public bool Next(out int number, out WireField field)
        {
            number = 0;
            field = default;
            if (_rest.IsEmpty)
                return false;
            var tag = Varint();
            number = (int)(tag >> 3);
            switch (tag & 7)
            {
                case 0:
                    field = new WireField(Varint(), default);
                    return true;
                case 1:
                    field = new WireField(BinaryPrimitives.ReadUInt64LittleEndian(_rest), default);
                    _rest = _rest[8..];
                    return true;
                case 2:
                    var length = checked((int)Varint());
                    field = new WireField(0, _rest[..length]);
                    _rest = _rest[length..];
                    return true;
                case 5:
                    field = new WireField(BinaryPrimitives.ReadUInt32LittleEndian(_rest), default);
                    _rest = _rest[4..];
                    return true;
                default:
                    throw new InvalidDataException(string.Create(CultureInfo.InvariantCulture, $"unknown wire type {tag & 7}"));
            }
        }

        private ulong Varint()
        {
            var value = 0UL;
            for (var shift = 0; shift < 70; shift += 7)
            {
                var part = _rest[0];
                _rest = _rest[1..];
                value |= (ulong)(part & 0x7F) << shift;
                if (part < 0x80)
                    return value;
            }

            throw new InvalidDataException("a number is too long");
        }
    }
}
