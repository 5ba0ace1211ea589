using Serving.Api.Core;
using Serving.Api.Knative;
using Serving.Controller.Common;
using Serving.Kubernetes;

namespace Serving.Controller.DomainMappings;

/// <summary>Resolves what a DomainMapping refers to: a Knative Service or Route by its address, a Kubernetes Service by its name.</summary>
internal sealed class MappedReferences(ILister<Service> services, ILister<Route> routes, ILister<CoreService> coreServices, ReferenceTracker tracker, string clusterDomain)
{
    private const string ServingGroup = "serving.knative.dev/";

    /// <summary>Host and Service name, or why there are none.</summary>
    public (string Host, string Backend, string? Problem) Resolve(DomainMapping mapping)
    {
        var reference = mapping.Spec.Ref;
        var ns = reference.Namespace.Length > 0 ? reference.Namespace : mapping.Metadata.Namespace;
        var key = new ObjectKey(ns, reference.Name);
        var (url, problem) = reference switch
        {
            { Kind: "Service", ApiVersion: "v1" } => CoreUrl(mapping, key),
            { Kind: "Service" } when IsServing(reference) => Address(mapping, References.Service, key, services.Get(ns, reference.Name)?.Status.Address, services.Get(ns, reference.Name)),
            { Kind: "Route" } when IsServing(reference) => Address(mapping, References.Route, key, routes.Get(ns, reference.Name)?.Status.Address, routes.Get(ns, reference.Name)),
            _ => ("", $"failed to get object {key}: {reference.ApiVersion}, Kind={reference.Kind} is not addressable"),
        };
        return problem is null ? Split(mapping, url) : ("", "", problem);
    }

    private (string Url, string? Problem) CoreUrl(DomainMapping mapping, ObjectKey key)
    {
        tracker.Track(ObjectKey.Of(mapping), CoreKind, key);
        return coreServices.Get(key.Namespace, key.Name) is null
            ? ("", $"services \"{key.Name}\" not found")
            : ($"http://{key.Name}.{key.Namespace}.svc.{clusterDomain}", null);
    }

    /// <summary>How Kubernetes Services are tracked, to tell them from Knative's.</summary>
    public const string CoreKind = "core/Service";

    private (string Url, string? Problem) Address(DomainMapping mapping, string kind, ObjectKey key, Addressable? address, object? found)
    {
        tracker.Track(ObjectKey.Of(mapping), kind, key);
        if (found is null)
        {
            return ("", $"failed to get object {key}: {kind.ToLowerInvariant()}s.serving.knative.dev \"{key.Name}\" not found");
        }

        return address is { Url.Length: > 0 } ? (address.Url, null) : ("", $"address not set for &ObjectReference{{Kind:{kind},Namespace:{key.Namespace},Name:{key.Name},}}");
    }

    private (string Host, string Backend, string? Problem) Split(DomainMapping mapping, string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var uri) || uri.AbsolutePath.TrimEnd('/').Length > 0)
        {
            return ("", "", $"resolved URI \"{url}\" contains a path");
        }

        var suffix = ".svc." + clusterDomain;
        var parts = uri.Host.EndsWith(suffix, StringComparison.Ordinal) ? uri.Host[..^suffix.Length].Split('.') : [];
        if (parts.Length != 2)
        {
            return ("", "", $"resolved URI \"{url}\" must be of the form {{name}}.{{namespace}}{suffix}");
        }

        return parts[1] == mapping.Metadata.Namespace
            ? (uri.Host, parts[0], null)
            : ("", "", $"resolved URI \"{url}\" must be in same namespace as DomainMapping");
    }

    private static bool IsServing(ObjectReference reference) => reference.ApiVersion.StartsWith(ServingGroup, StringComparison.Ordinal);
}
