using System.Text;

namespace Serving.LocalCluster.ApiServer.Security;

/// <summary>The attributes of an authorization request: a verb on a resource, or on a non-resource path.</summary>
internal readonly record struct AccessRequest
{
    /// <summary>The caller.</summary>
    public required Caller Caller { get; init; }

    /// <summary>The verb, such as <c>list</c>; for a path the HTTP method in lower case.</summary>
    public required string Verb { get; init; }

    /// <summary>The non-resource path; empty for a resource.</summary>
    public string Path { get; private init; }

    public string Group { get; private init; }

    /// <summary>The plural name; empty for a path.</summary>
    public string Resource { get; private init; }

    /// <summary>The subresource, such as <c>status</c>; empty for the object itself.</summary>
    public string Subresource { get; private init; }

    /// <summary>The namespace; empty for cluster-scoped resources and for requests over all namespaces.</summary>
    public string Namespace { get; private init; }

    /// <summary>The name; empty when the request is not for a single object.</summary>
    public string Name { get; private init; }

    public bool IsResource => Path.Length == 0;

    /// <summary>A request for a resource.</summary>
    public static AccessRequest ToResource(
        Caller caller,
        string verb,
        string group,
        string resource,
        string? subresource = null,
        string? ns = null,
        string? name = null
    ) =>
        new()
        {
            Caller = caller,
            Verb = verb,
            Path = "",
            Group = group,
            Resource = resource,
            Subresource = subresource ?? "",
            Namespace = ns ?? "",
            Name = name ?? "",
        };

    /// <summary>A request for a non-resource path.</summary>
    public static AccessRequest ToPath(Caller caller, string verb, string path) =>
        new()
        {
            Caller = caller,
            Verb = verb,
            Path = path.Length == 0 ? "/" : path,
            Group = "",
            Resource = "",
            Subresource = "",
            Namespace = "",
            Name = "",
        };

    /// <summary>The message of a rejection, in kube-apiserver's words.</summary>
    public string Refusal()
    {
        if (!IsResource)
            return $"User \"{Caller.Name}\" cannot {Verb} path \"{Path}\"";
        var text = new StringBuilder($"User \"{Caller.Name}\" cannot {Verb} resource \"{Resource}");
        if (Subresource.Length > 0)
            text.Append('/').Append(Subresource);
        text.Append("\" in API group \"").Append(Group).Append('"');
        return (
            Namespace.Length > 0 ? text.Append(" in the namespace \"").Append(Namespace).Append('"') : text.Append(" at the cluster scope")
        ).ToString();
    }
}
