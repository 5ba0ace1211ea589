using System.Text;
using System.Text.Json.Nodes;
using Serving.Webhook;

namespace Serving.Tests.Webhook;

/// <summary>Generates harmful bodies from a seed: reviews of valid objects with unexpected replacements, truncations or
/// corruptions.</summary>
internal sealed class HostileReviews(int seed)
{
    private const int Megabyte = 1024 * 1024;

    // Slightly above the server's limit.
    private const int Longest = (3 * Megabyte) + 4096;

    private static readonly string[] Objects =
    [
        """{"metadata":{"name":"a","namespace":"n","annotations":{"autoscaling.knative.dev/target":"1"},"ownerReferences":[{"kind":"Service","name":"s"}]},"spec":{"template":{"metadata":{"name":"a-1","annotations":{"autoscaling.knative.dev/window":"10s","serving.knative.dev/progress-deadline":"10s"}},"spec":{"containers":[{"image":"app","ports":[{"containerPort":80}],"env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}],"envFrom":[{"secretRef":{"name":"s"}}],"resources":{"limits":{"cpu":"1"}},"volumeMounts":[{"name":"v","mountPath":"/a/../b"}],"readinessProbe":{"httpGet":{"port":"http"},"periodSeconds":1},"securityContext":{"runAsUser":1,"capabilities":{"drop":["ALL"]}}}],"volumes":[{"name":"v","projected":{"sources":[{"downwardAPI":{"items":[{"path":"p"}]}}]}}],"initContainers":[{"image":"b"}],"securityContext":{"supplementalGroups":[1]},"containerConcurrency":1,"timeoutSeconds":1}},"traffic":[{"tag":"t","percent":100,"latestRevision":true}]}}""",
        """{"metadata":{"name":"a","labels":{"serving.knative.dev/service":"s"}},"spec":{"traffic":[{"revisionName":"r","percent":50,"tag":"t"},{"configurationName":"c","percent":50}]},"status":{"conditions":[{"type":"Ready","status":"True"}]}}""",
        """{"metadata":{"name":"a"},"spec":{"containers":[{"image":"app@sha256:0"}],"containerConcurrency":0}}""",
        """{"metadata":{"name":"a"},"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"d"},"protocolType":"http1","containerConcurrency":1}}""",
        """{"metadata":{"name":"a","namespace":"n"},"spec":{"rules":[{"hosts":["h"],"http":{"paths":[{"splits":[{"serviceName":"s","serviceNamespace":"n","servicePort":80,"percent":100}]}]}}],"tls":[{"secretName":"s","secretNamespace":"n"}]}}""",
        """{"metadata":{"name":"a.example.com","namespace":"n"},"spec":{"ref":{"kind":"Service","name":"s","apiVersion":"v1"},"tls":{"secretName":"s"}}}""",
        """{"metadata":{"name":"a"},"spec":{"dnsNames":["a.b"],"domain":"b","secretName":"s"}}""",
    ];

    private static readonly string[] ConfigMaps =
    [
        """{"metadata":{"name":"config-autoscaler","annotations":{"knative.dev/example-checksum":"0"}},"data":{"stable-window":"60s","_example":"x"}}""",
        """{"metadata":{"name":"config-autoscaler"},"data":{"container-concurrency-target-percentage":"70","stable-window":"60s","min-scale":"0","enable-scale-to-zero":"true"}}""",
        """{"metadata":{"name":"config-certmanager"},"data":{"issuerRef":"kind: ClusterIssuer\nname: a\n","clusterLocalIssuerRef":"{}","systemInternalIssuerRef":""}}""",
        """{"metadata":{"name":"config-defaults"},"data":{"container-name-template":"user-{{.Name}}","init-container-name-template":"{{index .Labels \"a\"}}","revision-cpu-request":"400m","revision-timeout-seconds":"300"}}""",
        """{"metadata":{"name":"config-deployment"},"data":{"queue-sidecar-image":"q","runtime-class-name":"kata: {}\ngvisor:\n  selector:\n    a: b\n","progress-deadline":"600s","queue-sidecar-tls-cipher-suites":"TLS_AES_128_GCM_SHA256"}}""",
        """{"metadata":{"name":"config-domain"},"data":{"example.com":"selector:\n  app: x\n","example.org":"","example.net":"selector: {a: b}\ntype: wildcard"}}""",
        """{"metadata":{"name":"config-features"},"data":{"multi-container":"enabled","secure-pod-defaults":"disabled"}}""",
        """{"metadata":{"name":"config-gc"},"data":{"retain-since-create-time":"48h","max-non-active-revisions":"disabled","min-non-active-revisions":"20"}}""",
        """{"metadata":{"name":"config-leader-election"},"data":{"lease-duration":"60s","buckets":"1","map-lease-prefix.a":"b"}}""",
        """{"metadata":{"name":"config-logging"},"data":{"zap-logger-config":"{\"level\":\"info\"}","loglevel.controller":"info"}}""",
        """{"metadata":{"name":"config-network"},"data":{"domain-template":"{{.Name}}.{{.Namespace}}.{{.Domain}}","tag-template":"{{.Tag}}-{{.Name}}","namespace-wildcard-cert-selector":"matchExpressions:\n- key: a\n  operator: In\n  values: [b]\n","rollout-duration":"0"}}""",
        """{"metadata":{"name":"config-observability"},"data":{"logging.request-log-template":"{{js .Request.RequestURI}} {{.Response.Code}}","logging.enable-request-log":"true","tracing-sampling-rate":"0.1","metrics-protocol":"prometheus","metrics-endpoint":"a:1"}}""",
        """{"metadata":{"name":"config-tracing"},"data":{"_example":"x"}}""",
    ];

    private static readonly (string Group, string Version, string Kind)[] Kinds =
    [
        .. AdmittedKinds.All.Select(k => (k.Resource.Group, k.Resource.Version, k.Resource.Kind)),
        ("", "v1", "ConfigMap"),
        ("x", "y", "Z"),
    ];

    private static readonly string[] Tokens =
    [
        "null",
        "true",
        "[]",
        "{}",
        "[null]",
        "[{}]",
        "[[[]]]",
        "{\"\":{}}",
        "\"\"",
        "\"x\"",
        "0",
        "-1",
        "1.5",
        "1e400",
        "-1e400",
        "1e-400",
        "99999999999999999999999999",
        "9223372036854775808",
        "2147483648",
        "-0",
        "\"\\ud800\"",
        "\"\\udc00x\"",
        "\"\\u0000\"",
        "{\"\\ud800\":1}",
        "{\"name\":1}",
        "{\"a\":1,\"a\":{\"a\":2}}",
        "{\"name\":\"a\",\"name\":null}",
        "\"NaN\"",
        "\"1e999\"",
        "\"9999999999999999999h\"",
    ];

    private readonly Random _random = new(seed);

    /// <summary>The path to post it to.</summary>
    public string Path { get; } =
        (seed % 5) switch
        {
            0 => "/config-validation",
            1 or 2 => "/defaulting",
            _ => "/resource-validation",
        };

    // A few of them are large.
    private bool IsLarge => seed % 1501 == 749;

    private bool IsConfigMap => Path == "/config-validation";

    /// <summary>The body of a request.</summary>
    public byte[] Next()
    {
        var (group, version, kind) = IsConfigMap && _random.Next(10) > 0 ? ("", "v1", "ConfigMap") : Kinds[_random.Next(Kinds.Length)];
        var objects = IsConfigMap && _random.Next(20) > 0 ? ConfigMaps : Objects;
        var operation = (string[])["CREATE", "UPDATE", "DELETE", "CONNECT", ""];
        var review = new JsonObject
        {
            ["apiVersion"] = "admission.k8s.io/v1",
            ["kind"] = "AdmissionReview",
            ["request"] = new JsonObject
            {
                ["uid"] = "u",
                ["kind"] = new JsonObject
                {
                    ["group"] = group,
                    ["version"] = version,
                    ["kind"] = kind,
                },
                ["operation"] = operation[_random.Next(2) == 0 ? _random.Next(2) : _random.Next(operation.Length)],
                ["subResource"] = _random.Next(5) == 0 ? "status" : "",
                ["namespace"] = "n",
                ["userInfo"] = new JsonObject { ["username"] = "eve" },
                ["object"] = JsonNode.Parse(objects[_random.Next(objects.Length)]),
                ["oldObject"] = _random.Next(2) == 0 ? JsonNode.Parse(objects[_random.Next(objects.Length)]) : null,
                ["dryRun"] = _random.Next(4) == 0,
            },
        };
        var replaced = new List<string>();
        for (var i = _random.Next(4); i >= 0; i--)
        {
            if (
                IsConfigMap
                && i == 0
                && review["request"] is JsonObject asked
                && asked["object"] is JsonObject map
                && map["data"] is JsonObject data
            )
            {
                Spoil(data, replaced);
                continue;
            }

            Spoil(
                _random.Next(6) == 0 ? review
                    : review["request"] is JsonObject request && request["object"] is JsonObject value ? value
                    : review,
                replaced
            );
        }

        var text = review.ToJsonString();
        for (var i = 0; i < replaced.Count; i++)
        {
            text = text.Replace($"\"@{i}@\"", replaced[i], StringComparison.Ordinal);
        }

        var body = Encoding.UTF8.GetBytes(text);
        return _random.Next(10) switch
        {
            0 => body[.._random.Next(body.Length)],
            1 => Mangled(body),
            _ => body,
        };
    }

    // Descends at random and replaces the node where it ends.
    private void Spoil(JsonNode node, List<string> replaced)
    {
        while (true)
        {
            switch (node)
            {
                case JsonObject { Count: > 0 } map:
                    var (key, child) = map.ElementAt(_random.Next(map.Count));
                    if (child is JsonObject or JsonArray && _random.Next(6) > 0)
                    {
                        node = child;
                        continue;
                    }

                    map[_random.Next(10) == 0 ? key + "x" : key] = Placeholder(replaced);
                    return;
                case JsonArray { Count: > 0 } list:
                    var at = _random.Next(list.Count);
                    if (list[at] is JsonObject or JsonArray && _random.Next(6) > 0)
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
        if (IsLarge && replaced.Count == 0)
        {
            replaced.Add(Large());
            return JsonValue.Create("@0@");
        }

        replaced.Add(
            _random.Next(IsConfigMap ? 100 : 40) switch
            {
                0 => Deep('[', ']'),
                1 => Deep('{', '}'),
                2 => $"\"{new string('a', _random.Next(20_000))}\"",
                3 => $"[{string.Join(',', Enumerable.Repeat("{\"name\":\"a\"}", _random.Next(500)))}]",
                < 8 or >= 40 => HostileTexts.Next(_random),
                _ => Tokens[_random.Next(Tokens.Length)],
            }
        );
        return JsonValue.Create($"@{replaced.Count - 1}@");
    }

    private string Deep(char open, char close)
    {
        var depth = _random.Next(2) == 0 ? _random.Next(130) : _random.Next(3000);
        return open == '['
            ? new string(open, depth) + new string(close, depth)
            : string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string(close, depth);
    }

    // About 1 to 3 MiB, or just above the limit.
    private string Large()
    {
        var length = _random.Next(4) == 0 ? Longest - _random.Next(8192) : _random.Next(Megabyte, 3 * Megabyte);
        return _random.Next(6) switch
        {
            0 => $"\"{new string('a', length)}\"",
            1 => $"[{string.Join(',', Enumerable.Repeat("{\"name\":\"a\"}", length / 13))}]",
            2 => $"[{string.Join(',', Enumerable.Repeat("{}", length / 3))}]",
            3 => $"{{{string.Join(',', Enumerable.Range(0, length / 14).Select(static i => $"\"{i:x8}\":\"\""))}}}",
            4 => $"\"{new string('[', length)}\"",
            _ => $"\"{string.Concat(Enumerable.Repeat("{{(", length / 3))}\"",
        };
    }

    private byte[] Mangled(byte[] body)
    {
        for (var i = _random.Next(1, 5); i > 0; i--)
        {
            body[_random.Next(body.Length)] = (byte)_random.Next(256);
        }

        return body;
    }
}
