using System.Text.Json;
using System.Text.Json.Nodes;
using Serving.Api;
using Serving.Kubernetes.Access;
using Serving.Kubernetes.Client;
using Serving.Kubernetes.Discovery;
using Serving.Kubernetes.Yaml;

namespace Serving.Kubernetes.Manifests;

/// <summary>
/// Applies manifests with server-side apply: every document of every file, CustomResourceDefinitions and namespaces first, with strict
/// field validation. Applying twice changes nothing.
/// </summary>
public sealed class ManifestApplier
{
    private static readonly TimeSpan WaitTimeout = TimeSpan.FromSeconds(60);
    private readonly IKubernetesClient _client;
    private readonly IResourceDiscovery _discovery;
    private readonly TimeProvider _time;
    private readonly string _defaultNamespace;
    private readonly HashSet<string> _defined = [];

    /// <param name="client">The client that applies.</param>
    /// <param name="discovery">Finds the resource of a kind.</param>
    /// <param name="defaultNamespace">The namespace of namespaced objects that name none.</param>
    /// <param name="time">The clock of waiting for new kinds.</param>
    public ManifestApplier(
        IKubernetesClient client,
        IResourceDiscovery discovery,
        string defaultNamespace = "default",
        TimeProvider? time = null
    )
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(discovery);
        _client = client;
        _discovery = discovery;
        _defaultNamespace = defaultNamespace;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>Applies files, and from folders their *.yaml, *.yml and *.json in order of name. Throws
    /// <see cref="KubernetesConfigurationException"/>.</summary>
    /// <param name="paths">The files and folders.</param>
    /// <param name="fieldManager">The field manager.</param>
    /// <param name="cancellation">Cancels the operation.</param>
    /// <param name="wanted">Selects the objects to apply; all when null.</param>
    /// <returns>The applied objects, in order.</returns>
    public async Task<IReadOnlyList<Unstructured>> ApplyPathsAsync(
        IEnumerable<string> paths,
        string fieldManager,
        CancellationToken cancellation,
        Predicate<Unstructured>? wanted = null
    )
    {
        ArgumentNullException.ThrowIfNull(paths);
        var documents = ReadPaths(paths);
        if (wanted is not null)
        {
            documents.RemoveAll(document => !wanted(new Unstructured(document.Body)));
        }

        return await ApplyAsync(documents, fieldManager, cancellation);
    }

    /// <summary>Reads manifests without applying them. Throws <see cref="KubernetesConfigurationException"/> for a file that cannot be read
    /// or is not a manifest.</summary>
    public static void Check(IEnumerable<string> paths)
    {
        ArgumentNullException.ThrowIfNull(paths);
        ReadPaths(paths);
    }

    /// <summary>Applies the documents of a text. Throws <see cref="KubernetesConfigurationException"/>.</summary>
    /// <param name="source">The name of the text in errors, such as its file.</param>
    /// <param name="text">YAML of any number of documents, or JSON.</param>
    /// <param name="fieldManager">The field manager.</param>
    /// <param name="cancellation">Cancels the operation.</param>
    /// <returns>The applied objects, in order.</returns>
    public Task<IReadOnlyList<Unstructured>> ApplyTextAsync(
        string source,
        string text,
        string fieldManager,
        CancellationToken cancellation
    ) => ApplyAsync([.. Read(source, text)], fieldManager, cancellation);

    private static List<Document> ReadPaths(IEnumerable<string> paths)
    {
        var documents = new List<Document>();
        foreach (var file in paths.SelectMany(FilesOf))
        {
            try
            {
                documents.AddRange(Read(file, File.ReadAllText(file)));
            }
            catch (Exception error) when (error is IOException or UnauthorizedAccessException)
            {
                throw new KubernetesConfigurationException(file, "", error.Message, error);
            }
        }

        return documents;
    }

    private static IEnumerable<string> FilesOf(string path) =>
        Directory.Exists(path)
            ? Directory
                .EnumerateFiles(path, "*", SearchOption.AllDirectories)
                .Where(file => Path.GetExtension(file) is ".yaml" or ".yml" or ".json")
                .Order(StringComparer.Ordinal)
            : [path];

    private static List<Document> Read(string source, string text)
    {
        try
        {
            var result = new List<Document>();
            var index = 0;
            foreach (var node in YamlDocuments.Read(text))
            {
                index++;
                var body =
                    node as JsonObject ?? throw new KubernetesConfigurationException(source, $"document {index}", "is not an object");
                if (body["kind"]?.ToString() == "List" && body["items"] is JsonArray items)
                {
                    result.AddRange(items.OfType<JsonObject>().Select(item => Check(source, index, item.DeepClone().AsObject())));
                }
                else
                {
                    result.Add(Check(source, index, body));
                }
            }

            return result;
        }
        catch (FormatException error)
        {
            throw new KubernetesConfigurationException(source, "", error.Message, error);
        }
    }

    private static Document Check(string source, int index, JsonObject body)
    {
        foreach (var field in (string[])["apiVersion", "kind"])
        {
            if (body[field] is not JsonValue value || value.GetValueKind() != JsonValueKind.String)
            {
                throw new KubernetesConfigurationException(source, $"document {index}: {field}", "is missing");
            }
        }

        return body["metadata"]?["name"]?.ToString() is { Length: > 0 }
            ? new Document(source, index, body)
            : throw new KubernetesConfigurationException(source, $"document {index} ({body["kind"]}): metadata.name", "is missing");
    }

    private static int RankOf(Document document) =>
        document.Kind switch
        {
            "CustomResourceDefinition" => 0,
            "Namespace" => 1,
            "ServiceAccount" or "ClusterRole" or "ClusterRoleBinding" or "Role" or "RoleBinding" or "ConfigMap" or "Secret" => 2,
            "MutatingWebhookConfiguration" or "ValidatingWebhookConfiguration" => 4,
            _ => 3,
        };

    private static string OneLine(string text) =>
        string.Join(' ', text.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));

    private async Task<IReadOnlyList<Unstructured>> ApplyAsync(
        List<Document> documents,
        string fieldManager,
        CancellationToken cancellation
    )
    {
        ArgumentException.ThrowIfNullOrEmpty(fieldManager);
        var applied = new List<Unstructured>(documents.Count);
        foreach (var rank in documents.GroupBy(RankOf).OrderBy(group => group.Key))
        {
            foreach (var document in rank)
            {
                applied.Add(await ApplyOneAsync(document, fieldManager, cancellation));
            }

            if (rank.Key == 0)
            {
                foreach (var definition in rank)
                {
                    await WaitForEstablishedAsync(definition, cancellation);
                    _defined.Add(definition.Body["spec"]?["names"]?["kind"]?.ToString() ?? "");
                }
            }
        }

        return applied;
    }

    /// <summary>Applies a document. Waits for an object that is being deleted, and applies again when it is gone.</summary>
    private async Task<Unstructured> ApplyOneAsync(Document document, string fieldManager, CancellationToken cancellation)
    {
        var started = _time.GetTimestamp();
        while (true)
        {
            var applied = await TryApplyAsync(document, fieldManager, cancellation);
            if (applied.Metadata.DeletionTimestamp is null)
            {
                return applied;
            }

            if (_time.GetElapsedTime(started) > WaitTimeout)
            {
                var finalizers = applied.Metadata.Finalizers;
                throw document.Problem(
                    "",
                    $"is still being deleted after {WaitTimeout.TotalSeconds:0} s{(finalizers.Count > 0 ? $" (finalizers {string.Join(", ", finalizers)})" : "")}: delete what it waits for, then apply again"
                );
            }

            await Task.Delay(TimeSpan.FromMilliseconds(250), _time, cancellation);
        }
    }

    private async Task<Unstructured> TryApplyAsync(Document document, string fieldManager, CancellationToken cancellation)
    {
        try
        {
            var found =
                await FindAsync(document, cancellation)
                ?? throw document.Problem("kind", $"the API server does not serve {document.Kind} of {document.ApiVersion}");
            var metadata = (JsonObject)document.Body["metadata"]!;
            string? ns = null;
            if (found.Namespaced)
            {
                ns = metadata["namespace"]?.ToString() is { Length: > 0 } named ? named : _defaultNamespace;
                metadata["namespace"] = ns;
            }

            return await _client.PatchAsync(
                Unstructured.Type(found),
                ns,
                document.Name,
                new Patch(PatchType.Apply, document.Body.ToJsonString()),
                cancellation,
                new WriteOptions(FieldManager: fieldManager, Force: true, FieldValidation: "Strict")
            );
        }
        catch (KubernetesException error)
        {
            var causes = error.Status.Details?.Causes ?? [];
            var field = string.Join(", ", causes.Select(cause => cause.Field).Where(name => name.Length > 0).Distinct());
            throw document.Problem(field, OneLine(error.Status.Message), error);
        }
    }

    /// <summary>Finds the resource of a document; a kind that was just defined may take a while to be discoverable.</summary>
    private async Task<ResourceType?> FindAsync(Document document, CancellationToken cancellation)
    {
        var started = _time.GetTimestamp();
        while (true)
        {
            var found = await _discovery.FindAsync(document.ApiVersion, document.Kind, cancellation);
            if (found is not null || !_defined.Contains(document.Kind) || _time.GetElapsedTime(started) > WaitTimeout)
            {
                return found;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), _time, cancellation);
        }
    }

    private async Task WaitForEstablishedAsync(Document definition, CancellationToken cancellation)
    {
        var started = _time.GetTimestamp();
        while (true)
        {
            var current = await _client.GetAsync(Resources.CustomResourceDefinitions, null, definition.Name, cancellation);
            if (
                current.Status is { ValueKind: JsonValueKind.Object } status
                && status.TryGetProperty("conditions", out var conditions)
                && conditions
                    .EnumerateArray()
                    .Any(c => c.GetProperty("type").GetString() == "Established" && c.GetProperty("status").GetString() == "True")
            )
            {
                return;
            }

            if (_time.GetElapsedTime(started) > WaitTimeout)
            {
                throw definition.Problem("", $"was not established within {WaitTimeout.TotalSeconds:0} s");
            }

            await Task.Delay(TimeSpan.FromMilliseconds(50), _time, cancellation);
        }
    }

    private sealed record Document(string Source, int Index, JsonObject Body)
    {
        public string ApiVersion => Body["apiVersion"]!.ToString();

        public string Kind => Body["kind"]!.ToString();

        public string Name => Body["metadata"]!["name"]!.ToString();

        public KubernetesConfigurationException Problem(string field, string problem, Exception? inner = null) =>
            new(Source, $"document {Index} ({Kind} {Name}){(field.Length > 0 ? ": " + field : "")}", problem, inner);
    }
}
