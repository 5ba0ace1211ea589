using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Api.Config;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Api.WellKnown;
using Serving.ConfigMaps;
using Serving.Kubernetes.Yaml;
using Serving.Tests.Support;

namespace Serving.Tests.Networking.Istio;

/// <summary>
/// A shape of an Ingress and the objects expected for it: a file of the folder <c>Golden</c>. <c>given</c> lists what is there besides the
/// Services of Istio: Secrets (<c>hosts</c> are those of their certificates), Services, and ConfigMaps. In <c>expected</c>, HASH stands for
/// the hash of the Ingress. Owners and annotations are left out; another test checks them.
/// </summary>
internal sealed class GoldenFile
{
    private static readonly string Folder = Repository.PathOf("Serving.Tests", "Networking", "Istio", "Golden");

    private GoldenFile(string name)
    {
        var document = YamlDocuments.Read(File.ReadAllText(Path.Combine(Folder, $"{name}.yaml"))).Single();
        var ingress = document["ingress"]!.Deserialize(Resources.Ingresses.Json)!;
        Ingress = ingress with
        {
            ApiVersion = Resources.Ingresses.ApiVersion,
            Kind = Resources.Ingresses.Kind,
            Metadata = ingress.Metadata with
            {
                Uid = "ingress-uid",
                Annotations = new Dictionary<string, string> { [NetworkingKeys.IngressClass.Key] = NetworkingKeys.IstioIngressClass },
            },
        };
        Expected = [.. document["expected"]!.AsArray().Select(static node => node!.AsObject())];
        foreach (var given in (document["given"]?.AsArray() ?? []).Select(static node => node!.AsObject()))
        {
            Take(given);
        }
    }

    /// <summary>The names of all files.</summary>
    public static IEnumerable<string> Names =>
        Directory.EnumerateFiles(Folder, "*.yaml").Select(static file => Path.GetFileNameWithoutExtension(file)).Order();

    public Ingress Ingress { get; }

    public IReadOnlyList<JsonObject> Expected { get; }

    public ConfigSnapshot Config { get; private set; } = ConfigSnapshot.Default;

    public List<Secret> Secrets { get; } = [];

    public List<CoreService> Services { get; } =
    [
        Service("istio-ingressgateway", ("http2", 80, 8080), ("https", 443, 8443)),
        Service("knative-local-gateway", ("http2", 80, 8081), ("https", 443, 8444)),
    ];

    public static GoldenFile Read(string name) => new(name);

    public override string ToString() => Ingress.Metadata.Name;

    private static CoreService Service(string name, params (string Name, int Port, int Target)[] ports) =>
        new()
        {
            ApiVersion = "v1",
            Kind = "Service",
            Metadata = new ObjectMeta { Namespace = "istio-system", Name = name },
            Spec = new CoreServiceSpec
            {
                Selector = new Dictionary<string, string> { ["istio"] = "ingressgateway" },
                Ports =
                [
                    .. ports.Select(static port => new ServicePort
                    {
                        Name = port.Name,
                        Port = port.Port,
                        TargetPort = port.Target,
                    }),
                ],
            },
        };

    private void Take(JsonObject given)
    {
        switch (given["kind"]!.GetValue<string>())
        {
            case "ConfigMap":
                var map = given.Deserialize(Resources.ConfigMaps.Json)!;
                Config = KnownConfigMaps.All.Single(kind => kind.Name == map.Metadata.Name).Apply(Config, map.Data, "cluster.local");
                break;
            case "Service":
                Services.Add(given.Deserialize(Resources.Services.Json)!);
                break;
            case "Secret":
                Secrets.Add(WithCertificate(given));
                break;
            case var other:
                throw new InvalidOperationException($"a golden file cannot give a {other}");
        }
    }

    private static Secret WithCertificate(JsonObject given)
    {
        var hosts = given["hosts"]?.AsArray().Select(static host => host!.GetValue<string>()).ToArray();
        given.Remove("hosts");
        var secret = given.Deserialize(Resources.Secrets.Json)!;
        if (hosts is null)
        {
            return secret;
        }

        using var authority = new TestAuthority();
        return secret with { Data = authority.Secret("", "", hosts).Data };
    }
}
