using System.Net;
using System.Text.Json;
using Serving.Api;
using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Api.Networking;
using Serving.Controller.Common;
using Serving.Kubernetes;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Informers;

namespace Serving.Controller.DomainMappings;

/// <summary>
/// Resolves the reference of a DomainMapping: a Kubernetes Service by its name, anything else by the address in its status. Our own kinds
/// are read from the cache and tracked; other kinds, which are not watched, are read from the API server.
/// </summary>
internal sealed class MappedReferences(
    ILister<Service> services,
    ILister<Route> routes,
    ILister<CoreService> coreServices,
    IResourceDiscovery discovery,
    ReferenceTracker tracker,
    string clusterDomain
)
{
    /// <summary>The tracked kind of Kubernetes Services, distinct from Knative's.</summary>
    public const string CoreKind = "core/Service";

    private const string ServingGroup = "serving.knative.dev/";

    /// <summary>The target of the mapping. Throws <see cref="KubernetesException"/> when the API server cannot be asked.</summary>
    public async Task<MappedTarget> ResolveAsync(DomainMapping mapping, IKubernetesClient client, CancellationToken cancellation)
    {
        var follower = ObjectKey.Of(mapping);
        tracker.Begin(follower);
        var target = await TargetAsync(mapping, follower, client, cancellation);
        tracker.Settle(follower);
        return target;
    }

    private async Task<MappedTarget> TargetAsync(
        DomainMapping mapping,
        ObjectKey follower,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        var reference = mapping.Spec.Ref;
        var ns = reference.Namespace.Length > 0 ? reference.Namespace : mapping.Metadata.Namespace;
        var key = new ObjectKey(ns, reference.Name);
        switch (reference)
        {
            case { Kind: "Service", ApiVersion: "v1" }:
                tracker.Track(follower, CoreKind, key);
                return coreServices.Get(ns, reference.Name) is null
                    ? NotFound(key, "services")
                    : TargetAt(mapping, $"http://{HostNames.OfService(key.Name, key.Namespace, clusterDomain)}");
            case { Kind: References.Service } when IsServing(reference):
                tracker.Track(follower, References.Service, key);
                return services.Get(ns, reference.Name) is { } service
                    ? TargetOf(mapping, key, new AddressableStatus { Address = service.Status.Address })
                    : NotFound(key, "services.serving.knative.dev");
            case { Kind: References.Route } when IsServing(reference):
                tracker.Track(follower, References.Route, key);
                return routes.Get(ns, reference.Name) is { } route
                    ? TargetOf(mapping, key, new AddressableStatus { Address = route.Status.Address })
                    : NotFound(key, "routes.serving.knative.dev");
            default:
                return await ReadAsync(mapping, key, client, cancellation) with { IsTracked = false };
        }
    }

    private async Task<MappedTarget> ReadAsync(
        DomainMapping mapping,
        ObjectKey key,
        IKubernetesClient client,
        CancellationToken cancellation
    )
    {
        var reference = mapping.Spec.Ref;
        if (await discovery.FindAsync(reference.ApiVersion, reference.Kind, cancellation) is not { } type)
        {
            return MappedTarget.Unresolved(
                $"failed to get lister for {ResourceText(reference)}: the server could not find the requested resource"
            );
        }

        var plural = type.Group.Length == 0 ? type.Plural : $"{type.Plural}.{type.Group}";
        try
        {
            var found = await client.GetAsync(AddressableObject.Type(type), key.Namespace, key.Name, cancellation);
            return TargetOf(mapping, key, found.Status);
        }
        catch (KubernetesException error) when (error.IsNotFound)
        {
            return NotFound(key, plural);
        }
        catch (KubernetesException error) when (error.Code == HttpStatusCode.Forbidden)
        {
            return MappedTarget.Unresolved($"failed to get object {key}: {error.Status.Message}");
        }
    }

    private static MappedTarget NotFound(ObjectKey key, string plural) =>
        MappedTarget.Unresolved($"failed to get object {key}: {plural} \"{key.Name}\" not found");

    /// <summary>Selects the address by the name in the reference, else the first, else the only one.</summary>
    private MappedTarget TargetOf(DomainMapping mapping, ObjectKey key, AddressableStatus status)
    {
        var wanted = Field(mapping.Spec.Ref, "address");
        var text = Text(mapping.Spec.Ref, key.Namespace);
        if (status is { Address: null, Addresses.Count: 0 })
        {
            return MappedTarget.Unresolved($"address not set for {text}");
        }

        var address =
            wanted.Length > 0 ? status.Addresses.FirstOrDefault(candidate => candidate.Name == wanted)
            : status.Addresses.Count > 0 ? status.Addresses[0]
            : status.Address;
        if (address is null)
        {
            return MappedTarget.Unresolved($"address with name \"{wanted}\" not found for {text}");
        }

        if (address.Url.Length == 0)
        {
            return MappedTarget.Unresolved($"URL missing in address of {text}");
        }

        return Uri.TryCreate(address.Url, UriKind.Absolute, out var uri) && uri.Host.Length > 0
            ? TargetAt(mapping, address.Url)
            : MappedTarget.Unresolved($"hostname missing in address of {text}");
    }

    /// <summary>The target at an address; a domain routes to a Service of its own namespace, so the address must be that of a
    /// Service.</summary>
    private MappedTarget TargetAt(DomainMapping mapping, string url)
    {
        var uri = new Uri(url);
        if (uri.AbsolutePath.TrimEnd('/').Length > 0)
        {
            return MappedTarget.Refused($"resolved URI \"{url}\" contains a path");
        }

        var suffix = ".svc." + clusterDomain;
        var parts = uri.Authority.EndsWith(suffix, StringComparison.Ordinal) ? uri.Authority[..^suffix.Length].Split('.') : [];
        if (parts.Length != 2)
        {
            return MappedTarget.Refused($"resolved URI \"{url}\" must be of the form {{name}}.{{namespace}}{suffix}");
        }

        return parts[1] == mapping.Metadata.Namespace
            ? new MappedTarget(uri.Authority, parts[0])
            : MappedTarget.Refused($"resolved URI \"{url}\" must be in same namespace as DomainMapping");
    }

    /// <summary>Formats a reference for errors about its address.</summary>
    private static string Text(ObjectReference reference, string ns) =>
        $"Kind = {reference.Kind}, Namespace = {ns}, Name = {reference.Name}, APIVersion = {reference.ApiVersion}, "
        + $"Group = {Field(reference, "group")}, Address = {Field(reference, "address")}";

    /// <summary>Formats a resource that the server does not know, with the plural name that it would have.</summary>
    private static string ResourceText(ObjectReference reference)
    {
        var slash = reference.ApiVersion.IndexOf('/', StringComparison.Ordinal);
        var kind = reference.Kind.ToLowerInvariant();
        var plural =
            kind.EndsWith('s') ? kind + "es"
            : kind.EndsWith('y') ? kind[..^1] + "ies"
            : kind + "s";
        return $"{(slash < 0 ? "" : reference.ApiVersion[..slash])}/{reference.ApiVersion[(slash + 1)..]}, Resource={plural}";
    }

    private static string Field(ObjectReference reference, string name) =>
        reference.ExtensionData?.TryGetValue(name, out var value) == true && value.ValueKind == JsonValueKind.String
            ? value.GetString()!
            : "";

    private static bool IsServing(ObjectReference reference) => reference.ApiVersion.StartsWith(ServingGroup, StringComparison.Ordinal);
}
