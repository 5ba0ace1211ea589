using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Kinds;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Apply;

/// <summary>Server-side apply: merges a manager's configuration, removes fields that it no longer contains, and reports conflicts with
/// other managers.</summary>
internal static class ServerSideApply
{
    private const string LastApplied = "kubectl.kubernetes.io/last-applied-configuration";

    /// <summary>Returns the object with the configuration applied and its managers updated.</summary>
    /// <param name="request">The request, with the field manager and whether to force conflicts.</param>
    /// <param name="live">The stored object; the caller's own copy.</param>
    /// <param name="config">The applied configuration.</param>
    /// <param name="time">The time for the manager's entry.</param>
    /// <param name="isNew">Whether the object is created by this apply.</param>
    /// <exception cref="ApiException">409: other managers own fields that would change.</exception>
    public static JsonObject Apply(ResourceRequest request, JsonObject live, JsonObject config, TimeProvider time, bool isNew)
    {
        var schema = request.Resource.Schema;
        var subresource = request.Subresource ?? "";
        config = Confined(request, config);
        var applied = new FieldSet();
        ObjectFields.Collect(schema, config, applied, isRoot: true);
        ManagedFields.Strip(applied);

        var entries = ManagedFields.Read(live);
        if (entries.Count == 0 && !isNew)
            entries.Add(Initial(request, live));
        var merged = (JsonObject)live.DeepClone();
        ObjectFields.Merge(schema, merged, config, isRoot: true);
        var changed = new FieldSet();
        ObjectFields.Changed(schema, live, merged, changed, isRoot: true);
        ManagedFields.Strip(changed);
        var others = entries.Where(e => !e.IsSame(request.FieldManager, "Apply", subresource)).ToList();
        var adoptsInitial = request.FieldManager == "kubectl" && live.At("metadata", "annotations", LastApplied) is not null;
        CheckConflicts(others.Where(o => !(adoptsInitial && o.Manager == "before-first-apply")), changed, request.Flag("force"));
        foreach (var other in others)
            other.Fields.Subtract(changed);

        var previous = entries.FirstOrDefault(e => e.IsSame(request.FieldManager, "Apply", subresource));
        if (previous is not null)
            RemoveAbandoned(request, merged, previous.Fields, applied, others);
        var existing = new FieldSet();
        ObjectFields.Collect(schema, merged, existing, isRoot: true);
        foreach (var other in others)
            ObjectFields.Retain(other.Fields, existing);
        // An apply without changes keeps its time, so that nothing is written.
        var isUnchanged = previous is not null && JsonNode.DeepEquals(previous.Fields.ToJson(), applied.ToJson()) && changed.IsEmpty;
        others.Insert(
            0,
            new ManagerEntry(
                request.FieldManager,
                "Apply",
                request.Resource.ApiVersion,
                subresource,
                isUnchanged ? previous!.Time : Json.Time(time.GetUtcNow()),
                applied
            )
        );
        ManagedFields.Write(merged, others);
        return merged;
    }

    private static void RemoveAbandoned(
        ResourceRequest request,
        JsonObject merged,
        FieldSet previous,
        FieldSet applied,
        List<ManagerEntry> others
    )
    {
        var abandoned = previous.Copy();
        abandoned.Subtract(applied);
        foreach (var other in others)
            abandoned.Subtract(other.Fields);
        Shield(abandoned, applied, others.Select(o => o.Fields));
        ObjectFields.Remove(request.Resource.Schema, merged, abandoned, isRoot: true);
    }

    // A field that is abandoned as a whole is kept while another manager owns a part of it.
    private static void Shield(FieldSet abandoned, FieldSet applied, IEnumerable<FieldSet> others)
    {
        var owners = others.Append(applied).ToList();
        foreach (var (step, child) in abandoned.Children)
        {
            var below = owners.Select(o => o.Find(step)).OfType<FieldSet>().ToList();
            if (child.IsMember && below.Any(b => !b.IsEmpty))
                child.IsMember = false;
            Shield(child, new FieldSet(), below);
        }
    }

    private static void CheckConflicts(IEnumerable<ManagerEntry> others, FieldSet changed, bool forces)
    {
        if (forces)
            return;
        var conflicts = others.SelectMany(o => o.Fields.Common(changed).Select(path => (Manager: o.Show(), Path: path))).ToList();
        if (conflicts.Count == 0)
            return;
        var message =
            conflicts.Count == 1
                ? $"Apply failed with 1 conflict: conflict with {conflicts[0].Manager}: {conflicts[0].Path}"
                : $"Apply failed with {conflicts.Count} conflicts: "
                    + string.Join(
                        '\n',
                        conflicts
                            .GroupBy(c => c.Manager)
                            .OrderBy(g => g.Key, StringComparer.Ordinal)
                            .SelectMany(g => g.Select(c => $"- {c.Path}").Prepend($"conflicts with {g.Key}:"))
                    );
        throw new ApiException(
            409,
            "Conflict",
            message,
            new JsonObject
            {
                ["causes"] = new JsonArray([
                    .. conflicts.Select(c =>
                        (JsonNode)
                            new JsonObject
                            {
                                ["reason"] = "FieldManagerConflict",
                                ["message"] = $"conflict with {c.Manager}",
                                ["field"] = c.Path,
                            }
                    ),
                ]),
            }
        );
    }

    private static ManagerEntry Initial(ResourceRequest request, JsonObject live)
    {
        var fields = new FieldSet();
        ObjectFields.Collect(request.Resource.Schema, live, fields, isRoot: true);
        ManagedFields.Strip(fields);
        if (request.Resource.HasStatus)
            fields.Remove("f:status");
        return new ManagerEntry(
            "before-first-apply",
            "Update",
            request.Resource.ApiVersion,
            "",
            live.String("metadata", "creationTimestamp"),
            fields
        );
    }

    // With a status subresource, the main resource ignores the status, and the subresource ignores everything else.
    private static JsonObject Confined(ResourceRequest request, JsonObject config)
    {
        var confined = (JsonObject)config.DeepClone();
        if (request.Subresource is null && request.Resource.HasStatus)
        {
            confined.Remove("status");
        }
        else if (request.Subresource is "status" or PodResize.Subresource)
        {
            var part = request.Subresource == "status" ? "status" : "spec";
            foreach (var name in config.Select(p => p.Key).Where(k => k is not ("apiVersion" or "kind" or "metadata") && k != part))
                confined.Remove(name);
            if (part == "spec")
                ConfineResize(confined.Object("spec") ?? []);
            if (confined["metadata"] is JsonObject metadata)
            {
                foreach (
                    var name in metadata
                        .Select(p => p.Key)
                        .Where(k => k is not ("name" or "namespace" or "uid" or "resourceVersion"))
                        .ToList()
                )
                    metadata.Remove(name);
            }
        }

        return confined;
    }

    private static void ConfineResize(JsonObject spec)
    {
        foreach (var name in spec.Select(p => p.Key).Where(k => k is not ("containers" or "initContainers")).ToList())
            spec.Remove(name);
        foreach (var container in spec.SelectMany(list => list.Value as JsonArray ?? []).OfType<JsonObject>())
        {
            foreach (var name in container.Select(p => p.Key).Where(k => k is not ("name" or "resources" or "resizePolicy")).ToList())
                container.Remove(name);
        }
    }
}
