using System.Text;
using System.Text.Json.Nodes;
using Serving.Webhook;

namespace Serving.Tests.Webhook;

/// <summary>Makes bodies that mean harm, from a seed: reviews of good objects in which something is exchanged for what nobody expects, cut off or mangled.</summary>
internal sealed class HostileReviews(int seed)
{
    private static readonly string[] Objects =
    [
        """{"metadata":{"name":"a","namespace":"n","annotations":{"autoscaling.knative.dev/target":"1"},"ownerReferences":[{"kind":"Service","name":"s"}]},"spec":{"template":{"metadata":{"name":"a-1","annotations":{"autoscaling.knative.dev/window":"10s","serving.knative.dev/progress-deadline":"10s"}},"spec":{"containers":[{"image":"app","ports":[{"containerPort":80}],"env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}],"envFrom":[{"secretRef":{"name":"s"}}],"resources":{"limits":{"cpu":"1"}},"volumeMounts":[{"name":"v","mountPath":"/a/../b"}],"readinessProbe":{"httpGet":{"port":"http"},"periodSeconds":1},"securityContext":{"runAsUser":1,"capabilities":{"drop":["ALL"]}}}],"volumes":[{"name":"v","projected":{"sources":[{"downwardAPI":{"items":[{"path":"p"}]}}]}}],"initContainers":[{"image":"b"}],"securityContext":{"supplementalGroups":[1]},"containerConcurrency":1,"timeoutSeconds":1}},"traffic":[{"tag":"t","percent":100,"latestRevision":true}]}}""",
        """{"metadata":{"name":"a","labels":{"serving.knative.dev/service":"s"}},"spec":{"traffic":[{"revisionName":"r","percent":50,"tag":"t"},{"configurationName":"c","percent":50}]},"status":{"conditions":[{"type":"Ready","status":"True"}]}}""",
        """{"metadata":{"name":"a"},"spec":{"containers":[{"image":"app@sha256:0"}],"containerConcurrency":0}}""",
        """{"metadata":{"name":"a"},"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"},"protocolType":"http1","containerConcurrency":1}}""",
        """{"metadata":{"name":"a","namespace":"n"},"spec":{"rules":[{"hosts":["h"],"http":{"paths":[{"splits":[{"serviceName":"s","serviceNamespace":"n","servicePort":80,"percent":100}]}]}}],"tls":[{"secretName":"s","secretNamespace":"n"}]}}""",
        """{"metadata":{"name":"a.example.com","namespace":"n"},"spec":{"ref":{"kind":"Service","name":"s","apiVersion":"v1"},"tls":{"secretName":"s"}}}""",
        """{"metadata":{"name":"a"},"spec":{"dnsNames":["a.b"],"domain":"b","secretName":"s"}}""",
        """{"metadata":{"name":"config-autoscaler","annotations":{"knative.dev/example-checksum":"0"}},"data":{"stable-window":"60s","_example":"x"}}""",
        """{"metadata":{"name":"config-domain"},"data":{"example.com":"selector:\n  app: x\n"}}""",
    ];

    private static readonly (string Group, string Version, string Kind)[] Kinds =
    [
        .. AdmittedKinds.All.Select(k => (k.Resource.Group, k.Resource.Version, k.Resource.Kind)), ("", "v1", "ConfigMap"), ("x", "y", "Z"),
    ];

    private static readonly string[] Tokens =
    [
        "null", "true", "[]", "{}", "[null]", "[{}]", "[[[]]]", "{\"\":{}}", "\"\"", "\"x\"", "0", "-1", "1.5", "1e400", "-1e400", "1e-400", "99999999999999999999999999", "9223372036854775808",
        "2147483648", "-0", "\"\\ud800\"", "\"\\udc00x\"", "\"\\u0000\"", "{\"\\ud800\":1}", "{\"name\":1}", "{\"a\":1,\"a\":{\"a\":2}}", "{\"name\":\"a\",\"name\":null}", "\"NaN\"", "\"1e999\"", "\"9999999999999999999h\"",
    ];

    private readonly Random random = new(seed);

    /// <summary>The body of a request.</summary>
    public byte[] Next()
    {
        var (group, version, kind) = Kinds[random.Next(Kinds.Length)];
        var operation = (string[])["CREATE", "UPDATE", "DELETE", "CONNECT", ""];
        var review = new JsonObject
        {
            ["apiVersion"] = "admission.k8s.io/v1",
            ["kind"] = "AdmissionReview",
            ["request"] = new JsonObject
            {
                ["uid"] = "u",
                ["kind"] = new JsonObject { ["group"] = group, ["version"] = version, ["kind"] = kind },
                ["operation"] = operation[random.Next(2) == 0 ? random.Next(2) : random.Next(operation.Length)],
                ["subResource"] = random.Next(5) == 0 ? "status" : "",
                ["namespace"] = "n",
                ["userInfo"] = new JsonObject { ["username"] = "eve" },
                ["object"] = JsonNode.Parse(Objects[random.Next(Objects.Length)]),
                ["oldObject"] = random.Next(2) == 0 ? JsonNode.Parse(Objects[random.Next(Objects.Length)]) : null,
                ["dryRun"] = random.Next(4) == 0,
            },
        };
        var replaced = new List<string>();
        for (var i = random.Next(4); i >= 0; i--)
        {
            Spoil(random.Next(6) == 0 ? review : review["request"] is JsonObject request && request["object"] is JsonObject value ? value : review, replaced);
        }

        var text = review.ToJsonString();
        for (var i = 0; i < replaced.Count; i++)
        {
            text = text.Replace($"\"@{i}@\"", replaced[i], StringComparison.Ordinal);
        }

        var body = Encoding.UTF8.GetBytes(text);
        return random.Next(10) switch
        {
            0 => body[..random.Next(body.Length)],
            1 => Mangled(body),
            _ => body,
        };
    }

    // Walks down at random and exchanges what it stands on.
    private void Spoil(JsonNode node, List<string> replaced)
    {
        while (true)
        {
            switch (node)
            {
                case JsonObject { Count: > 0 } map:
                    var (key, child) = map.ElementAt(random.Next(map.Count));
                    if (child is JsonObject or JsonArray && random.Next(6) > 0)
                    {
                        node = child;
                        continue;
                    }

                    map[random.Next(10) == 0 ? key + "x" : key] = Placeholder(replaced);
                    return;
                case JsonArray { Count: > 0 } list:
                    var at = random.Next(list.Count);
                    if (list[at] is JsonObject or JsonArray && random.Next(6) > 0)
                    {
                        node = list[at]!;
                        continue;
                    }

                    list[at] = Placeholder(replaced);
                    return;
                default:
                    return;
            }
        }
    }

    private JsonValue Placeholder(List<string> replaced)
    {
        replaced.Add(random.Next(40) switch
        {
            0 => Deep('[', ']'),
            1 => Deep('{', '}'),
            2 => $"\"{new string('a', random.Next(20_000))}\"",
            3 => $"[{string.Join(',', Enumerable.Repeat("{\"name\":\"a\"}", random.Next(500)))}]",
            _ => Tokens[random.Next(Tokens.Length)],
        });
        return JsonValue.Create($"@{replaced.Count - 1}@");
    }

    private string Deep(char open, char close)
    {
        var depth = random.Next(2) == 0 ? random.Next(130) : random.Next(3000);
        return open == '['
            ? new string(open, depth) + new string(close, depth)
            : string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string(close, depth);
    }

    private byte[] Mangled(byte[] body)
    {
        for (var i = random.Next(1, 5); i > 0; i--)
        {
            body[random.Next(body.Length)] = (byte)random.Next(256);
        }

        return body;
    }
}
