using System.Text.RegularExpressions;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Networking;
using Serving.Kubernetes;
using Serving.Networking.Layers;

namespace Serving.Networking.Istio.Objects;

/// <summary>The names of objects, which are those of Knative's own Istio controller.</summary>
internal static partial class Names
{
    private const int MaxLabel = 63;

    /// <summary>The VirtualService at Gateways.</summary>
    public static string IngressVirtualService(Ingress ingress) => ChildName.Of(ingress.Metadata.Name, "-ingress");

    /// <summary>The VirtualService of the mesh.</summary>
    public static string MeshVirtualService(Ingress ingress) => ChildName.Of(ingress.Metadata.Name, "-mesh");

    /// <summary>The Gateway of an Ingress at a Service of Istio: a label of at most 63 characters.</summary>
    public static string Gateway(Ingress ingress, string visibility, ObjectKey service)
    {
        var key = $"{service.Namespace}/{service.Name}{(visibility == IngressVisibility.ClusterLocal ? "-local" : "")}";
        var checksum = Adler32.Decimal(key);
        var prefix = LabelOf(ingress.Metadata.Name);
        return $"{prefix[..Math.Min(prefix.Length, MaxLabel - checksum.Length - 1)]}-{checksum}";
    }

    /// <summary>The Gateway of a wildcard certificate at a Service of Istio, which all Ingresses with that certificate share.</summary>
    public static string WildcardGateway(string secret, ObjectKey service) =>
        $"wildcard-{Adler32.Compute($"{secret}-{service.Namespace}-{service.Name}"):x}";

    /// <summary>The name of a TLS server's port, which is unique among the Gateways of the same pods.</summary>
    public static string TlsPort(Ingress ingress, int index) => $"{ingress.Metadata.Namespace}/{LabelOf(ingress.Metadata.Name)}:{index}";

    /// <summary>The copy of a certificate for an Ingress.</summary>
    public static string SecretCopy(Ingress ingress, Secret origin) => $"{ingress.Metadata.Name}-{origin.Metadata.Uid}";

    /// <summary>The copy of a wildcard certificate.</summary>
    public static string WildcardSecretCopy(string ns, string secret) => $"{ns}--{secret}-wildcard";

    /// <summary>The value of the label that names the original: a Secret's name may be longer than a label's value.</summary>
    public static string OriginLabel(string secret)
    {
        if (secret.Length <= MaxLabel)
        {
            return secret;
        }

        var checksum = Adler32.Decimal(secret);
        return $"{secret[..(MaxLabel - checksum.Length - 1)]}-{checksum}";
    }

    /// <summary>Whether <see cref="OriginLabel"/> is not the whole name.</summary>
    public static bool IsTooLongForLabel(string secret) => secret.Length > MaxLabel;

    /// <summary>Names with dots or of more than 63 characters become a checksum.</summary>
    private static string LabelOf(string name) => name.Length <= MaxLabel && Label().IsMatch(name) ? name : Adler32.Decimal(name);

    [GeneratedRegex(@"^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?\z")]
    private static partial Regex Label();
}
