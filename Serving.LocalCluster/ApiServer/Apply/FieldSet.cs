using System.Text.Json.Nodes;
using Serving.LocalCluster.ApiServer.Rest;

namespace Serving.LocalCluster.ApiServer.Apply;

/// <summary>
/// A set of field paths as a tree, with the path elements of FieldsV1: <c>f:name</c> a field, <c>k:{…}</c> a list item by its keys,
/// <c>v:…</c> an item of a set.
/// </summary>
internal sealed class FieldSet
{
    private readonly SortedDictionary<string, FieldSet> _children = new(StringComparer.Ordinal);

    /// <summary>Whether the path to this node is a member of the set.</summary>
    public bool IsMember { get; set; }

    public IReadOnlyDictionary<string, FieldSet> Children => _children;

    public bool IsEmpty => !IsMember && _children.Count == 0;

    /// <summary>The node under a path element, created if it does not exist.</summary>
    public FieldSet Child(string step)
    {
        if (!_children.TryGetValue(step, out var child))
            _children[step] = child = new FieldSet();
        return child;
    }

    public FieldSet? Find(string step) => _children.GetValueOrDefault(step);

    /// <summary>Adds every path of another set.</summary>
    public void Add(FieldSet other)
    {
        IsMember |= other.IsMember;
        foreach (var (step, child) in other._children)
            Child(step).Add(child);
    }

    /// <summary>Removes every path of another set.</summary>
    public void Subtract(FieldSet other)
    {
        if (other.IsMember)
            IsMember = false;
        foreach (var (step, theirs) in other._children)
        {
            if (!_children.TryGetValue(step, out var ours))
                continue;
            ours.Subtract(theirs);
            if (ours.IsEmpty)
                _children.Remove(step);
        }
    }

    public void Remove(string step) => _children.Remove(step);

    /// <summary>A copy.</summary>
    public FieldSet Copy()
    {
        var copy = new FieldSet();
        copy.Add(this);
        return copy;
    }

    /// <summary>The paths in both sets.</summary>
    public IEnumerable<string> Common(FieldSet other, string path = "")
    {
        if (IsMember && other.IsMember)
            yield return path;
        foreach (var (step, child) in _children)
        {
            if (other._children.TryGetValue(step, out var theirs))
            {
                foreach (var common in child.Common(theirs, path + Show(step)))
                    yield return common;
            }
        }
    }

    public JsonObject ToJson()
    {
        var map = new JsonObject();
        if (IsMember && _children.Count > 0)
            map["."] = new JsonObject();
        foreach (var (step, child) in _children)
            map[step] = child.ToJson();
        return map;
    }

    public static FieldSet FromJson(JsonObject? map)
    {
        var set = new FieldSet();
        foreach (var (step, value) in map ?? [])
        {
            if (step == ".")
                set.IsMember = true;
            else
                set._children[step] = FromJson(value as JsonObject);
        }

        if (set._children.Count == 0)
            set.IsMember = true;
        return set;
    }

    // The format of messages: .spec.containers[name="x"].image
    private static string Show(string step) =>
        step[..2] switch
        {
            "f:" => $".{step[2..]}",
            "k:" =>
                $"[{string.Join(',', ((JsonObject)Json.Parse(System.Text.Encoding.UTF8.GetBytes(step[2..]))!).Select(k => $"{k.Key}={(k.Value is null ? "null" : Json.Text(k.Value))}"))}]",
            "v:" => $"[={step[2..]}]",
            _ => step,
        };
}
