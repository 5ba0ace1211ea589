using Microsoft.AspNetCore.Http;
using Serving.LocalCluster.ApiServer.Audit;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Security;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>A parsed resource request.</summary>
internal sealed class ResourceRequest
{
    private readonly IQueryCollection _query;

    public ResourceRequest(HttpContext context, ResourceInfo resource, string ns, string? name, string? subresource, Caller caller)
    {
        Context = context;
        Resource = resource;
        Namespace = ns;
        Name = name;
        Subresource = subresource;
        Caller = caller;
        if (context.Features.Get<AuditedRequest>() is { } audited)
        {
            (audited.User, audited.Resource, audited.Namespace, audited.Name, audited.Subresource) = (
                caller.Name,
                resource.Plural,
                ns,
                name,
                subresource
            );
        }

        _query = context.Request.Query;
        var dryRun = _query["dryRun"];
        if (dryRun.Count > 0 && dryRun.Any(d => d is not ("All" or "")))
            throw new ApiException(
                422,
                "Invalid",
                $"{resource.Kind}.{resource.Group} \"\" is invalid: dryRun: Unsupported value: \"{dryRun}\": supported values: \"All\""
            );
        IsDryRun = dryRun.Contains("All");
        FieldValidation = Query("fieldValidation") ?? "Warn";
        if (FieldValidation is not ("Strict" or "Warn" or "Ignore"))
            throw ApiException.BadRequest(
                $"fieldValidation: Unsupported value: \"{FieldValidation}\": supported values: \"Ignore\", \"Strict\", \"Warn\""
            );
        var manager = Query("fieldManager");
        FieldManager =
            !string.IsNullOrEmpty(manager) ? manager
            : context.Request.Headers.UserAgent.ToString().Split('/')[0] is { Length: > 0 } agent ? agent
            : "unknown";
        if (resource.Custom?.DeprecationWarning is { } warning)
            Warnings.Add(warning);
    }

    public HttpContext Context { get; }

    public ResourceInfo Resource { get; }

    /// <summary>The namespace of the path; empty for cluster-scoped resources and requests over all namespaces.</summary>
    public string Namespace { get; }

    public string? Name { get; }

    public string? Subresource { get; }

    public Caller Caller { get; }

    public bool IsDryRun { get; set; }

    /// <summary>fieldValidation: Strict, Warn or Ignore.</summary>
    public string FieldValidation { get; }

    public string FieldManager { get; set; }

    /// <summary>Whether the client's document has a resourceVersion: then the server does not retry on conflict.</summary>
    public bool NamesVersion { get; set; }

    /// <summary>Whether managedFields are taken from the document unchanged, because apply has computed them.</summary>
    public bool HasTrackedFields { get; set; }

    /// <summary>Warnings for the client's Warning headers.</summary>
    public List<string> Warnings { get; } = [];

    public CancellationToken Cancellation => Context.RequestAborted;

    /// <summary>A query parameter, or null.</summary>
    public string? Query(string name) => _query.TryGetValue(name, out var value) ? value.ToString() : null;

    /// <summary>A query parameter that is true or false.</summary>
    public bool Flag(string name) => Query(name) is { } text && text is not ("false" or "0");

    /// <summary>A query parameter that is a whole number, or null.</summary>
    public long? Number(string name)
    {
        var text = Query(name);
        if (string.IsNullOrEmpty(text))
            return null;
        return long.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var number)
            ? number
            : throw ApiException.BadRequest($"invalid value for {name}: \"{text}\"");
    }

    public ApiException NotFound(string? name = null) => ApiException.NotFound(Resource.Group, Resource.Plural, name ?? Name ?? "");
}
