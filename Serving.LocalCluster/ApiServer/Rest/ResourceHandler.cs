using System.Net;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Serving.LocalCluster.ApiServer.Admission;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Security;
using Serving.LocalCluster.ApiServer.Storage;

namespace Serving.LocalCluster.ApiServer.Rest;

/// <summary>Handles resource requests: parses the path, authorizes the caller, and dispatches to the handler of the verb.</summary>
internal sealed class ResourceHandler
{
    private readonly ObjectStore _store;
    private readonly ResourceRegistry _registry;
    private readonly IAuthorizer _authorizer;
    private readonly ResourceReader _reader;
    private readonly ResourceWriter _writer;
    private readonly ResourceDeleter _deleter;
    private readonly WatchHandler _watches;
    private readonly PatchHandler _patches;
    private readonly SubresourceHandler _subresources;
    private readonly ReviewHandler _reviews;

    public ResourceHandler(
        ObjectStore store,
        ResourceRegistry registry,
        AdmissionChain admission,
        ResourceWriter writer,
        SubresourceHandler subresources,
        ReviewHandler reviews,
        IAuthorizer authorizer
    )
    {
        _store = store;
        _registry = registry;
        _authorizer = authorizer;
        _reader = new ResourceReader(store);
        _writer = writer;
        _deleter = new ResourceDeleter(store, admission);
        _watches = new WatchHandler(store);
        _patches = new PatchHandler(store, _writer, authorizer);
        _subresources = subresources;
        _reviews = reviews;
    }

    /// <summary>Deletes the instances of a definition that is being deleted; true when none is left.</summary>
    public bool DeleteAll(ResourceInfo resource) => _deleter.DeleteAll(resource);

    /// <summary>Creates the namespaces and the Service of every cluster.</summary>
    public void CreateSystemObjects()
    {
        foreach (var name in (string[])["default", "kube-system", "kube-public", "kube-node-lease"])
        {
            Create(
                "",
                "namespaces",
                new JsonObject
                {
                    ["apiVersion"] = "v1",
                    ["kind"] = "Namespace",
                    ["metadata"] = new JsonObject
                    {
                        ["name"] = name,
                        ["labels"] = new JsonObject { ["kubernetes.io/metadata.name"] = name },
                    },
                    ["spec"] = new JsonObject { ["finalizers"] = new JsonArray("kubernetes") },
                    ["status"] = new JsonObject { ["phase"] = "Active" },
                }
            );
        }
    }

    /// <summary>Publishes where this server listens as the Service <c>kubernetes</c>.</summary>
    public void PublishOwnEndpoints(IPAddress address, int port)
    {
        JsonObject Metadata(string name) =>
            new()
            {
                ["name"] = name,
                ["namespace"] = "default",
                ["labels"] = new JsonObject { ["component"] = "apiserver", ["provider"] = "kubernetes" },
            };
        Create(
            "",
            "services",
            new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Service",
                ["metadata"] = Metadata("kubernetes"),
                ["spec"] = new JsonObject
                {
                    ["clusterIP"] = "10.96.0.1",
                    ["clusterIPs"] = new JsonArray("10.96.0.1"),
                    ["internalTrafficPolicy"] = "Cluster",
                    ["ipFamilies"] = new JsonArray("IPv4"),
                    ["ipFamilyPolicy"] = "SingleStack",
                    ["ports"] = new JsonArray(
                        new JsonObject
                        {
                            ["name"] = "https",
                            ["port"] = 443,
                            ["protocol"] = "TCP",
                            ["targetPort"] = port,
                        }
                    ),
                    ["sessionAffinity"] = "None",
                    ["type"] = "ClusterIP",
                },
                ["status"] = new JsonObject { ["loadBalancer"] = new JsonObject() },
            }
        );
        Create(
            "",
            "endpoints",
            new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Endpoints",
                ["metadata"] = Metadata("kubernetes"),
                ["subsets"] = new JsonArray(
                    new JsonObject
                    {
                        ["addresses"] = new JsonArray(new JsonObject { ["ip"] = address.ToString() }),
                        ["ports"] = new JsonArray(
                            new JsonObject
                            {
                                ["name"] = "https",
                                ["port"] = port,
                                ["protocol"] = "TCP",
                            }
                        ),
                    }
                ),
            }
        );
    }

    /// <summary>Handles a request under <c>/api/v1</c> or <c>/apis/GROUP/VERSION</c>.</summary>
    public async Task HandleAsync(
        HttpContext context,
        string group,
        string version,
        string[] segments,
        Caller caller,
        CancellationToken stopping
    )
    {
        var isWatchPath = segments is ["watch", _, ..];
        if (isWatchPath)
            segments = segments[1..];
        var ns = "";
        if (segments is ["namespaces", var inside, _, ..] && segments[2] is not ("status" or "finalize"))
        {
            ns = inside;
            segments = segments[2..];
        }

        var resource = segments.Length is >= 1 and <= 3 ? _registry.Find(group, version, segments[0]) : null;
        if (resource is null || (ns.Length > 0 && !resource.IsNamespaced))
            throw ApiException.NoSuchPath();
        var name = segments.Length > 1 ? segments[1] : null;
        var subresource = segments.Length > 2 ? segments[2] : null;
        if (subresource is not null && !resource.Subresources.Contains(subresource))
            throw ApiException.NoSuchPath();
        if (resource.IsNamespaced && name is not null && ns.Length == 0)
            throw ApiException.NoSuchPath();
        var request = new ResourceRequest(context, resource, ns, name, subresource, caller);
        var watches = HttpMethods.IsGet(context.Request.Method) && subresource is null && (isWatchPath || request.Flag("watch"));
        var verb = Verb(context.Request.Method, name is not null, watches);
        Authorize(request, verb);
        await DispatchAsync(request, verb, stopping);
    }

    private void Authorize(ResourceRequest request, string verb)
    {
        var resource = request.Resource;
        // A Namespace is authorized in itself, and a watch with a metadata.name selector for that object.
        var isNamespace = resource is { Group: "", Kind: "Namespace" };
        var name = request.Name ?? (verb is "list" or "watch" or "deletecollection" ? NameSelected(request.Query("fieldSelector")) : null);
        var access = AccessRequest.ToResource(
            request.Caller,
            verb,
            resource.Group,
            resource.Plural,
            request.Subresource,
            isNamespace ? request.Name : request.Namespace,
            name
        );
        var decision = _authorizer.Authorize(access);
        if (!decision.IsAllowed)
            throw ApiException.Forbidden(access, decision.Reason);
    }

    private static string? NameSelected(string? fieldSelector)
    {
        const string field = "metadata.name=";
        var part = fieldSelector?.Split(',').FirstOrDefault(p => p.StartsWith(field, StringComparison.Ordinal));
        return part?[field.Length..].TrimStart('=');
    }

    private static string Verb(string method, bool isNamed, bool watches) =>
        method switch
        {
            "GET" or "HEAD" => watches ? "watch"
            : isNamed ? "get"
            : "list",
            "POST" => "create",
            "PUT" => "update",
            "PATCH" => "patch",
            "DELETE" => isNamed ? "delete" : "deletecollection",
            _ => throw ApiException.MethodNotAllowed(),
        };

    private Task DispatchAsync(ResourceRequest request, string verb, CancellationToken stopping)
    {
        if (request.Resource.IsCreateOnly)
            return verb == "create" ? _reviews.CreateAsync(request) : throw ApiException.MethodNotAllowed();
        if (request.Subresource is not (null or "status" or PodResize.Subresource))
            return _subresources.HandleAsync(request, verb, stopping);
        return verb switch
        {
            "get" => _reader.GetAsync(request),
            "list" => _reader.ListAsync(request),
            "watch" => _watches.WatchAsync(request, stopping),
            "create" when request.Name is null => CreateAsync(request),
            "update" when request.Name is not null => UpdateAsync(request),
            "patch" when request.Name is not null => _patches.PatchAsync(request),
            "delete" when request.Subresource is null => _deleter.DeleteAsync(request),
            "deletecollection" => _deleter.DeleteCollectionAsync(request),
            _ => throw ApiException.MethodNotAllowed(),
        };
    }

    private async Task CreateAsync(ResourceRequest request)
    {
        if (request.Resource.IsNamespaced && request.Namespace.Length == 0)
            throw ApiException.BadRequest("an empty namespace may not be set during creation");
        var duplicates = new List<string>();
        var document =
            await RequestBody.ReadObjectAsync(request.Context, duplicates)
            ?? throw ApiException.BadRequest("the body of the request is empty");
        BodyDecoder.Decode(request, document, duplicates);
        var stored = await _writer.CreateAsync(request, document);
        await _reader.WriteOneAsync(request, 201, stored);
    }

    private async Task UpdateAsync(ResourceRequest request)
    {
        var duplicates = new List<string>();
        var document =
            await RequestBody.ReadObjectAsync(request.Context, duplicates)
            ?? throw ApiException.BadRequest("the body of the request is empty");
        BodyDecoder.Decode(request, document, duplicates);
        request.NamesVersion = document.String("metadata", "resourceVersion") is { Length: > 0 } and not "0";
        var stored = await _writer.ReplaceAsync(request, document);
        await _reader.WriteOneAsync(request, 200, stored);
    }

    private void Create(string group, string resource, JsonObject document)
    {
        var metadata = document.Child("metadata");
        var old = _store.Get(group, resource, metadata.String("namespace") ?? "", metadata.String("name")!);
        metadata["uid"] = old?.Uid ?? Guid.NewGuid().ToString();
        metadata["creationTimestamp"] = old?.Document().String("metadata", "creationTimestamp") ?? Json.Time(_store.Time.GetUtcNow());
        if (old is null)
            _store.Create(group, resource, document);
        else if (resource != "namespaces")
            _store.Replace(group, resource, old, document);
    }
}
