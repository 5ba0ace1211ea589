using System.Globalization;
using System.Text;
using Serving.Api.Core;

namespace Serving.LocalCluster.Node.Variables;

/// <summary>
/// Builds the environment of a container as a kubelet does: basic variables of the machine, the cluster's variables,
/// then <c>envFrom</c> and <c>env</c> in order, so that later ones may refer to earlier ones.
/// </summary>
internal sealed class ContainerEnvironment(NodeObjects objects, Uri apiServer)
{
    // Variables that programs of this machine need to start; nothing else of the node's environment reaches a pod.
    private static readonly string[] Inherited =
    [
        "PATH",
        "HOME",
        "USER",
        "LANG",
        "LC_ALL",
        "TZ",
        "TMPDIR",
        "DOTNET_ROOT",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
        "LD_LIBRARY_PATH",
    ];

    /// <summary>The environment. Throws <see cref="ContainerConfigException"/> when something it refers to is missing.</summary>
    public async Task<Dictionary<string, string>> MakeAsync(Pod pod, Container container, string podIP, CancellationToken cancellation)
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in Inherited)
        {
            if (Environment.GetEnvironmentVariable(name) is { Length: > 0 } value)
            {
                result[name] = value;
            }
        }

        result["HOSTNAME"] = pod.Metadata.Name;
        result["KUBERNETES_SERVICE_HOST"] = apiServer.Host;
        result["KUBERNETES_SERVICE_PORT"] = apiServer.Port.ToString(CultureInfo.InvariantCulture);
        AddServiceLinks(pod, result);
        foreach (var source in container.EnvFrom)
        {
            await AddAllAsync(pod, source, result, cancellation);
        }

        foreach (var variable in container.Env)
        {
            if (variable.ValueFrom is not { } from)
            {
                result[variable.Name] = VariableExpansion.Expand(variable.Value, result);
            }
            else if (await ValueAsync(pod, container, from, podIP, cancellation) is { } value)
            {
                result[variable.Name] = value;
            }
        }

        return result;
    }

    // Off by default, unlike in a cluster: hardly any program uses the variables of every Service.
    private void AddServiceLinks(Pod pod, Dictionary<string, string> result)
    {
        if (pod.Spec!.EnableServiceLinks != true)
        {
            return;
        }

        foreach (var service in objects.Services.Lister.List(pod.Metadata.Namespace))
        {
            if (service.Spec is not { ClusterIP: not ("" or "None"), Ports.Count: > 0 } spec)
            {
                continue;
            }

            var name = service.Metadata.Name.ToUpperInvariant().Replace('-', '_');
            var port = spec.Ports[0].Port.ToString(CultureInfo.InvariantCulture);
            result[$"{name}_SERVICE_HOST"] = spec.ClusterIP;
            result[$"{name}_SERVICE_PORT"] = port;
            result[$"{name}_PORT"] = $"tcp://{spec.ClusterIP}:{port}";
            foreach (var named in spec.Ports.Where(p => p.Name.Length > 0))
            {
                result[$"{name}_SERVICE_PORT_{named.Name.ToUpperInvariant().Replace('-', '_')}"] = named.Port.ToString(
                    CultureInfo.InvariantCulture
                );
            }
        }
    }

    private async Task AddAllAsync(Pod pod, EnvFromSource source, Dictionary<string, string> result, CancellationToken cancellation)
    {
        var ns = pod.Metadata.Namespace;
        if (source.ConfigMapRef is { } config)
        {
            var map = await objects.ConfigMapAsync(ns, config.Name, cancellation);
            Require(map is not null || config.Optional == true, $"configmap \"{config.Name}\" not found");
            foreach (var (key, value) in map?.Data ?? Empty.Map)
            {
                result[source.Prefix + key] = value;
            }
        }

        if (source.SecretRef is { } reference)
        {
            var secret = await objects.SecretAsync(ns, reference.Name, cancellation);
            Require(secret is not null || reference.Optional == true, $"secret \"{reference.Name}\" not found");
            foreach (var (key, value) in secret?.Data ?? new Dictionary<string, byte[]>())
            {
                result[source.Prefix + key] = Encoding.UTF8.GetString(value);
            }
        }
    }

    // Null for an optional reference to a missing object: then the variable is not set.
    private async Task<string?> ValueAsync(Pod pod, Container container, EnvVarSource from, string podIP, CancellationToken cancellation)
    {
        var ns = pod.Metadata.Namespace;
        if (from.FieldRef is { } field)
        {
            return DownwardApi.Field(pod, field.FieldPath, podIP);
        }

        if (from.ResourceFieldRef is { } resource)
        {
            return DownwardApi.Resource(pod, container, resource);
        }

        if (from.ConfigMapKeyRef is { } config)
        {
            var map = await objects.ConfigMapAsync(ns, config.Name, cancellation);
            Require(map is not null || config.Optional == true, $"configmap \"{config.Name}\" not found");
            var value = map?.Data.GetValueOrDefault(config.Key);
            Require(value is not null || config.Optional == true, $"couldn't find key {config.Key} in ConfigMap {ns}/{config.Name}");
            return value;
        }

        if (from.SecretKeyRef is { } reference)
        {
            var secret = await objects.SecretAsync(ns, reference.Name, cancellation);
            Require(secret is not null || reference.Optional == true, $"secret \"{reference.Name}\" not found");
            var value = secret?.Data?.GetValueOrDefault(reference.Key);
            Require(value is not null || reference.Optional == true, $"couldn't find key {reference.Key} in Secret {ns}/{reference.Name}");
            return value is null ? null : Encoding.UTF8.GetString(value);
        }

        return "";
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new ContainerConfigException(message);
        }
    }
}
